from __future__ import annotations

import json
from pathlib import Path

import pytest
from flask import Flask

from simsvc.settings import load_settings
from simsvc.store.audit.event_stream import EventStreamStore
from simsvc.values.events import EventKind
from simsvc.wiring.services import Services
from tests.databases import sqlite_database
from tests.simsvc.cli.helpers import Run, command_app, runner


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    settings = load_settings({}).model_copy(
        update={
            "database_url": sqlite_database(tmp_path / "simsvc.sqlite3"),
            "log_key_file": tmp_path / "key" / "log-key.pem",
            "witnesses": (f"file:{tmp_path / 'seen'}",),
        }
    )
    app = command_app(settings)
    services: Services = app.extensions["simsvc"]
    services.log_keeper.checkpoint()
    return app


@pytest.fixture
def audit(app: Flask) -> Run:
    return runner(app, "audit")


def test_witnesses_are_told_and_compared(audit: Run, tmp_path: Path) -> None:
    """The latest checkpoint is sent, and what each witness took is printed."""
    output = audit("witnesses")
    assert f"file:{tmp_path / 'seen'}: 1 events on 20" in output
    assert json.loads((tmp_path / "seen").read_text())["size"] == 1


def test_what_does_not_fit_ends_with_an_error(audit: Run, tmp_path: Path) -> None:
    """The sentence names witness and sizes; `flask audit verify` finds it, too."""
    audit("witnesses")
    line = json.loads((tmp_path / "seen").read_text())
    (tmp_path / "seen").write_text(
        json.dumps({**line, "note": line["note"].replace("\n1\n", "\n7\n")}) + "\n"
    )
    assert "no known key of this log has signed" in audit("witnesses", exit_code=1)
    assert "no known key of this log has signed" in audit("verify", exit_code=1)


def test_a_lie_is_forgiven(app: Flask, audit: Run, tmp_path: Path) -> None:
    """Once somebody has found out what happened; its event stays."""
    audit("witnesses")
    note = json.loads((tmp_path / "seen").read_text())
    lie = {**note, "note": note["note"].replace("\n1\n", "\n7\n")}
    (tmp_path / "seen").write_text(json.dumps(lie) + "\n")
    audit("verify", exit_code=1)
    (tmp_path / "seen").write_text(json.dumps(note) + "\n")
    audit("verify", exit_code=1)
    name = f"file:{tmp_path / 'seen'}"
    assert audit("forgive-witness", name) == f"{name} is trusted again.\n"
    assert audit("verify").startswith("The log is intact")
    assert "There is no witness file:/x" in audit("forgive-witness", "file:/x", exit_code=1)
    services: Services = app.extensions["simsvc"]
    assert services.log.last_at(EventKind.WITNESS)


def test_events_are_sent_again(app: Flask, audit: Run) -> None:
    """From a number on."""
    services: Services = app.extensions["simsvc"]
    book = EventStreamStore(services.database)
    assert book.claim("test", services.now())
    assert book.advance("test", 1, services.now())
    assert audit("resend", "--from", "1") == "Events are sent again from event 1 on.\n"
    assert book.state().position == 0
    audit("resend", "--from", "0", exit_code=2)
