from __future__ import annotations

import json
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from simsvc.domain.audit.report_code import report_code
from simsvc.settings import load_settings
from simsvc.values.events import COMMAND, EventKind, NewEvent
from simsvc.wiring.services import Services
from tests.databases import sqlite_database
from tests.simsvc.cli.helpers import Run, command_app, runner


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    url = sqlite_database(tmp_path / "simsvc.sqlite3")
    app = command_app(
        load_settings({}).model_copy(update={"database_url": url, "secret_key_file": tmp_path / "secret-key"})
    )
    services: Services = app.extensions["simsvc"]
    for rows in range(3):
        services.log.note(NewEvent(EventKind.EXPORT, COMMAND, "history", {"rows": rows}))
    return app


@pytest.fixture
def audit(app: Flask) -> Run:
    return runner(app, "audit")


def forge(app: Flask) -> None:
    with app.extensions["simsvc"].database.transaction() as session:
        session.execute(text("DROP TRIGGER events_never_change"))
        session.execute(text("UPDATE events SET actor = 'user:x' WHERE seq = 2"))


def test_a_log_that_fits_is_said_to_fit(audit: Run) -> None:
    """The number of events and the hash of the last one are printed."""
    output = audit("verify")
    assert output.startswith("The log is intact: 4 events")
    assert " 4 of 20" in output


def test_the_page_learns_what_the_command_found(app: Flask, audit: Run) -> None:
    """An intact log is recorded as such, and a broken one too, by the command line."""
    services: Services = app.extensions["simsvc"]
    audit("verify")
    forge(app)
    audit("verify", exit_code=1)
    found = [services.verifications.find(number) for number in (1, 2)]
    assert [(each.started_by, each.found.broken is None) for each in found if each and each.found] == [
        ("command", True),
        ("command", False),
    ]


def test_a_broken_log_is_named_and_fails(app: Flask, audit: Run) -> None:
    """The event is named, the exit status is 1, and no checkpoint of such a log is written."""
    forge(app)
    for command in ("verify", "checkpoint"):
        assert "Event 2" in audit(command, exit_code=1)


def test_all_problems_are_printed(app: Flask, audit: Run) -> None:
    """Each has a line, and the last line says how many there are; of very many, the first are printed."""
    forge(app)
    with app.extensions["simsvc"].database.transaction() as session:
        session.execute(text("DELETE FROM event_contents WHERE seq = 4"))
    output = audit("verify", exit_code=1)
    assert "Event 2" in output
    assert "content of event 4 is missing" in output
    assert "2 problems." in output
    app.extensions["simsvc"].log.note_all([NewEvent(EventKind.EXPORT, COMMAND, "history", {})] * 150)
    with app.extensions["simsvc"].database.transaction() as session:
        session.execute(text("UPDATE events SET actor = 'user:x'"))
    output = audit("verify", exit_code=1)
    assert "The first 100 are named" in output
    assert output.count("\n") == 101


def test_a_checkpoint_is_proved_after_the_log_went_on(app: Flask, audit: Run, tmp_path: Path) -> None:
    """What was written down is found again; after a change of what came before, it is not."""
    file = tmp_path / "checkpoint.json"
    audit("checkpoint", "--out", str(file))
    kept = json.loads(file.read_text())
    assert json.loads(audit("checkpoint")) == kept
    app.extensions["simsvc"].log.note(NewEvent(EventKind.EXPORT, COMMAND, "history", {}))
    assert "contains event 4" in audit("prove", str(file))
    forge(app)
    assert "Event 2" in audit("prove", str(file), exit_code=1)


@pytest.mark.parametrize(
    ("change", "words"), [({"sha256": "0" * 64}, "the log was rewritten"), ({"seq": 9}, "ends with event 4")]
)
def test_a_log_that_lacks_its_checkpoint_fails(
    audit: Run, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    """A log that was made anew, or cut off, is told from the one that was written down."""
    file = tmp_path / "checkpoint.json"
    file.write_text(json.dumps(json.loads(audit("checkpoint")) | change))
    assert words in audit("prove", str(file), exit_code=1)


def test_files_that_cannot_be_used_get_a_sentence(audit: Run, tmp_path: Path) -> None:
    """A missing file, one that is no checkpoint, and a place that cannot be written."""
    (tmp_path / "other.json").write_text("{}")
    assert "Cannot read" in audit("prove", str(tmp_path / "none"), exit_code=1)
    assert "The file is not a log checkpoint" in audit("prove", str(tmp_path / "other.json"), exit_code=1)
    assert "Cannot write" in audit("checkpoint", "--out", str(tmp_path / "no" / "where"), exit_code=1)


def test_a_report_is_verified_by_its_code(app: Flask, audit: Run) -> None:
    """Its event and who printed it are named; a code of another log, or a typing error, fails."""
    with app.extensions["simsvc"].log.snapshot() as snapshot:
        about, printed = (snapshot.at([2, 4])[seq].event for seq in (2, 4))
    code = str(report_code(about, printed))
    output = audit("verify-report", code)
    assert "event 2 of 20" in output
    assert "ended with event 4" in output
    assert "(export by command)" in output
    assert "does not have" in audit("verify-report", code.replace("4-", "3-"), exit_code=1)
    assert "not a verification code" in audit("verify-report", "12", exit_code=1)
    forge(app)
    assert "changed after it was logged" in audit("verify-report", code, exit_code=1)
