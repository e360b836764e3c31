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
from tests.simsvc.store.helpers import ESTIMATED, tamper


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
    """No case named, an unknown one, a log that was never signed and has no key, and a place of no use."""
    services: Services = app.extensions["simsvc"]
    out = str(tmp_path / "case.zip")
    assert "Name a case, or a record" in audit("evidence", "--out", out, exit_code=2)
    assert "No estimate has this case reference" in audit("evidence", "none", "--out", out, exit_code=1)
    services.estimates.record(replace(ESTIMATED, declared=Declaration("K-1")))
    key = services.settings.log_key_path
    key.parent.mkdir(exist_ok=True)
    key.write_text("no key")
    assert "The log is not signed" in audit("evidence", "K-1", "--out", out, exit_code=1)
    key.unlink()
    assert "Cannot write" in audit("evidence", "K-1", "--out", str(tmp_path / "no" / "a.zip"), exit_code=1)
    assert not Path(out).exists()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM events WHERE seq = 3", "it has 2 events, but a tree of 3 events was made"),
        ("UPDATE log_tiles SET hashes = zeroblob(96)", "Event 3 is not the one that the tree was made with"),
        ("UPDATE events SET actor = x'ff' WHERE seq = 2", "Event 2 holds what simsvc never stores"),
        ("UPDATE events SET subject = 'estimate:x' WHERE seq = 2", "estimate of it"),
    ],
)
def test_evidence_of_a_damaged_log_is_given_and_says_so(
    app: Flask, audit: Run, tmp_path: Path, statement: str, words: str
) -> None:
    """With the last checkpoint, so that `verify.py` names the damage, and what it finds itself."""
    services: Services = app.extensions["simsvc"]
    services.estimates.record(replace(ESTIMATED, declared=Declaration("K-1")))
    out = tmp_path / "case.zip"
    audit("evidence", "K-1", "--out", str(out))
    tamper(services.database, "DELETE FROM event_contents WHERE seq = 3", statement)
    said = audit("evidence", "K-1", "--out", str(out))
    outcome = verified(out, "--key", str(services.log_keeper.verifier_key()))
    assert outcome.status == 1
    assert words in outcome.failures
    assert ("The log is damaged, and the evidence says so" in said) == ("was damaged" in outcome.failures)


def test_evidence_of_a_log_whose_key_is_gone_says_so(app: Flask, audit: Run, tmp_path: Path) -> None:
    """Where the file was says nothing to an examiner, so that only its name is told."""
    services: Services = app.extensions["simsvc"]
    services.estimates.record(replace(ESTIMATED, declared=Declaration("K-1")))
    out = tmp_path / "case.zip"
    audit("evidence", "K-1", "--out", str(out))
    key = str(services.log_keeper.verifier_key())
    services.settings.log_key_path.unlink()
    audit("evidence", "K-1", "--out", str(out))
    failures = verified(out, "--key", key).failures
    assert f"the key file {services.settings.log_key_path.name} is missing" in failures
    assert "is not in the signed tree, which ends with event" in failures
    assert "is in no signed tree: nothing proves what it was" in failures


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
