"""Checkpoints, proofs and tiles by the API, checked without anything of the service but its public key."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from simsvc.domain.audit.tree.merkle import consistency_holds, inclusion_holds, root_of
from simsvc.domain.audit.tree.signed_note import parse_note, parse_vkey, verify_note
from simsvc.domain.audit.tree.tlog_checkpoint import parse_head
from simsvc.settings import Settings
from simsvc.values.events import COMMAND, EventKind, NewEvent
from simsvc.web.app import create_app
from simsvc.wiring.services import Services
from tests.databases import sqlite_database
from tests.simsvc.web.programs import program

LOG = "/api/v1/log"


@pytest.fixture(scope="module")
def app(site: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """Return an application whose log has checkpoints of 20 and of 300 events, and a few events more."""
    folder: Path = tmp_path_factory.mktemp("log")
    app = create_app(
        site.model_copy(
            update={
                "database_url": sqlite_database(folder / "log.sqlite3"),
                "log_key_file": folder / "keys" / "log-key.pem",
            }
        )
    )
    services: Services = app.extensions["simsvc"]
    for size in (20, 300):
        missing = size - services.log_tree.last_seq()
        services.log.note_all(
            NewEvent(EventKind.EXPORT, COMMAND, "history", {"n": number}) for number in range(missing)
        )
        services.log_keeper.checkpoint()
    yield app
    services.database.close()


@pytest.fixture
def auditor(app: Flask) -> FlaskClient:
    return program(app, "audit")


def read(client: FlaskClient, path: str) -> dict[str, Any]:
    answer = client.get(f"{LOG}/{path}")
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


def test_a_checkpoint_is_a_signed_note(auditor: FlaskClient) -> None:
    answer = auditor.get(f"{LOG}/checkpoint")
    keys = read(auditor, "keys")["items"]
    assert answer.content_type == "text/plain; charset=utf-8"
    assert len(verify_note(parse_note(answer.text), [parse_vkey(key["vkey"]) for key in keys])) == 1
    assert parse_head(parse_note(answer.text).text).size == 300
    assert (keys[0]["since_size"], keys[0]["until_size"]) == (20, None)
    older = auditor.get(f"{LOG}/checkpoint?size=20").text
    assert parse_head(parse_note(older).text).size == 20


def test_an_inclusion_proof_holds(auditor: FlaskClient) -> None:
    for path, size in (("inclusion?seq=7", 300), ("inclusion?seq=7&size=20", 20)):
        proof = read(auditor, path)
        head = parse_head(parse_note(proof["checkpoint"]).text)
        assert (proof["seq"], proof["index"], proof["size"], head.size) == (7, 6, size, size)
        hashes, leaf = [b64decode(hashed) for hashed in proof["hashes"]], b64decode(proof["leaf_hash"])
        assert inclusion_holds(6, size, leaf, hashes, head.root)
        assert proof["tlog_proof"].endswith(f"\n\n{proof['checkpoint']}")


def test_a_consistency_proof_holds(auditor: FlaskClient) -> None:
    proof = read(auditor, "consistency?old=20")
    old = parse_head(parse_note(auditor.get(f"{LOG}/checkpoint?size=20").text).text)
    head = parse_head(parse_note(proof["checkpoint"]).text)
    assert b64decode(proof["old_root_hash"]) == old.root
    hashes = [b64decode(hashed) for hashed in proof["hashes"]]
    assert consistency_holds(20, 300, hashes, old.root, head.root)


def test_tiles_hold_the_tree(auditor: FlaskClient) -> None:
    data = b"".join(auditor.get(f"{LOG}/tile/0/{number}").data for number in ("000", "001.p/44"))
    leaves = [data[begin : begin + 32] for begin in range(0, len(data), 32)]
    head = parse_head(parse_note(auditor.get(f"{LOG}/checkpoint").text).text)
    assert root_of(leaves) == head.root
    assert auditor.get(f"{LOG}/tile/1/000.p/1").data == root_of(leaves[:256])
    assert auditor.get(f"{LOG}/tile/0/000").content_type == "application/octet-stream"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("checkpoint?size=21", 404, "proof_refused"),
        ("checkpoint?size=x", 422, "input_refused"),
        ("inclusion?seq=301", 404, "proof_refused"),
        ("inclusion?seq=0", 422, "input_refused"),
        ("inclusion", 422, "input_refused"),
        ("consistency?old=301", 404, "proof_refused"),
        ("consistency?old=20&new=21", 404, "proof_refused"),
        ("tile/0/001", 404, "proof_refused"),
        ("tile/0/001.p/45", 404, "proof_refused"),
        ("tile/0/001.p/0", 404, "proof_refused"),
        ("tile/0/001.p/256", 404, "proof_refused"),
        ("tile/0/1", 404, "proof_refused"),
        ("tile/0/x001/001", 404, "proof_refused"),
        ("tile/64/000", 404, "proof_refused"),
        ("tile/2/000.p/1", 404, "proof_refused"),
    ],
)
def test_what_the_tree_does_not_have_is_refused(
    auditor: FlaskClient, path: str, status: int, code: str
) -> None:
    answer = auditor.get(f"{LOG}/{path}")
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
