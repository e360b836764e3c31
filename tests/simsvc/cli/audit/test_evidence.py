from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from simsvc.settings import load_settings
from simsvc.values import Declaration
from simsvc.values.events import COMMAND
from simsvc.wiring.erasure import eraser
from simsvc.wiring.services import Services
from tests.databases import sqlite_database
from tests.simsvc.cli.helpers import Run, command_app, runner
from tests.simsvc.evidence.helpers import NOW, Signer, verified, verified_alone
from tests.simsvc.store.helpers import ESTIMATED


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    places = {"secret_key_file": tmp_path / "secret-key", "index_root": tmp_path / "indexes"}
    url = sqlite_database(tmp_path / "simsvc.sqlite3")
    return command_app(load_settings({}).model_copy(update={"database_url": url, **places}))


@pytest.fixture
def audit(app: Flask) -> Run:
    return runner(app, "audit")


def test_evidence_is_written_and_checked_without_simsvc(app: Flask, audit: Run, tmp_path: Path) -> None:
    """By case, by record, and of an erased record; the log's key is the one that `flask audit key` prints."""
    services: Services = app.extensions["simsvc"]
    made = replace(ESTIMATED, declared=Declaration("K-1"))
    first, second = (services.estimates.record(made).id for _ in range(2))
    out = tmp_path / "case.zip"
    assert f"The evidence is in {out}." in audit("evidence", "K-1", "--out", str(out))
    key = str(services.log_keeper.verifier_key())
    outcome = verified_alone(out, "--key", key)
    assert (outcome.status, outcome.failures) == (0, "")
    assert "handed over by command at" in outcome.text
    audit("evidence", "--record", first, "--out", str(out))
    assert second not in verified(out, "--key", key).text
    eraser(services).estimate(first, COMMAND)
    audit("evidence", "K-1", "--record", first, "--out", str(out))
    outcome = verified(out, "--key", key)
    assert (outcome.status, outcome.failures) == (0, "")
    assert f"Record {first} was erased" in outcome.text
    services.log_keeper.rotate()
    audit("evidence", "K-1", "--out", str(out))
    assert verified(out, "--key", key).status == 0
    assert audit("verify").startswith("The log is intact")


def test_evidence_that_cannot_be_taken_gets_a_sentence(app: Flask, audit: Run, tmp_path: Path) -> None:
    """No case named, an unknown one, a place that cannot be written, and a log without its key."""
    services: Services = app.extensions["simsvc"]
    out = str(tmp_path / "case.zip")
    assert "Name a case, or a record" in audit("evidence", "--out", out, exit_code=2)
    assert "No estimate has this case reference" in audit("evidence", "none", "--out", out, exit_code=1)
    services.estimates.record(replace(ESTIMATED, declared=Declaration("K-1")))
    assert "Cannot write" in audit("evidence", "K-1", "--out", str(tmp_path / "no" / "a.zip"), exit_code=1)
    services.settings.log_key_path.unlink()
    assert "key" in audit("evidence", "K-1", "--out", out, exit_code=1)
    assert not Path(out).exists()


def test_evidence_shows_what_a_witness_signed(app: Flask, audit: Run, tmp_path: Path) -> None:
    """The last checkpoint that a witness signed is part of it, with the proof that it is contained."""
    services: Services = app.extensions["simsvc"]
    record_id = services.estimates.record(ESTIMATED).id
    signed, witness = services.log_keeper.checkpoint(), Signer("witness.example/w1", 4)
    body = signed.note.partition("\n\n")[0] + "\n"
    services.cosignatures.keep(signed.size, witness.name, NOW, witness.line(body).removesuffix("\n"))
    out = tmp_path / "record.zip"
    audit("evidence", "--record", record_id, "--out", str(out))
    key = str(services.log_keeper.verifier_key())
    outcome = verified(out, "--key", key, "--key", witness.vkey)
    assert (outcome.status, outcome.failures) == (0, "")
    assert f"The witness {witness.name} signed the checkpoint of {signed.size} events at" in outcome.text
    assert "were not checked" in verified(out, "--key", key).text
