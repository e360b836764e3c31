from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from simsvc.domain.audit.checkpoint import checkpoint_text
from simsvc.domain.audit.report_code import report_code
from simsvc.domain.audit.tree.merkle import consistency_holds
from simsvc.domain.audit.tree.signed_note import parse_note, parse_vkey, verify_note
from simsvc.domain.audit.tree.tlog_checkpoint import parse_head
from simsvc.settings import load_settings
from simsvc.values import Declaration
from simsvc.values.audit.reads import Read
from simsvc.values.events import COMMAND, Checkpoint, EventFilter, EventKind, NewEvent
from simsvc.wiring.services import Services
from tests.databases import sqlite_database
from tests.simsvc.cli.helpers import Run, command_app, runner
from tests.simsvc.store.helpers import ESTIMATED


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


def test_a_signed_checkpoint_is_proved_after_the_log_went_on(app: Flask, audit: Run, tmp_path: Path) -> None:
    """What was written down is found again; after a change of what came before, it is not."""
    file = tmp_path / "checkpoint.txt"
    assert "Keep a copy" in audit("checkpoint", "--out", str(file))
    note = parse_note(file.read_text())
    key = parse_vkey(audit("key"))
    assert verify_note(note, [key]) == (key,)
    assert parse_head(note.text).size == 4
    assert audit("checkpoint") == file.read_text()
    app.extensions["simsvc"].log.note(NewEvent(EventKind.EXPORT, COMMAND, "history", {}))
    assert "contains event 4 and everything before it" in audit("prove", str(file))
    file.write_text(file.read_text().replace("\n4\n", "\n3\n"))
    assert "does not fit" in audit("prove", str(file), exit_code=1)
    audit("checkpoint", "--out", str(file))
    forge(app)
    assert "Event 2" in audit("prove", str(file), exit_code=1)


def json_checkpoint(app: Flask, **change: object) -> str:
    with app.extensions["simsvc"].log.snapshot() as snapshot:
        last = snapshot.last()
    text = checkpoint_text(Checkpoint(last.seq, last.sha256, last.at))
    return json.dumps(json.loads(text) | change)


def test_a_checkpoint_of_an_earlier_version_is_proved(app: Flask, audit: Run, tmp_path: Path) -> None:
    """In JSON, as the page Audit still offers it."""
    file = tmp_path / "checkpoint.json"
    file.write_text(json_checkpoint(app))
    app.extensions["simsvc"].log.note(NewEvent(EventKind.EXPORT, COMMAND, "history", {}))
    assert "contains event 4 of 20" in audit("prove", str(file))
    forge(app)
    assert "Event 2" in audit("prove", str(file), exit_code=1)


@pytest.mark.parametrize(
    ("change", "words"), [({"sha256": "0" * 64}, "the log was rewritten"), ({"seq": 9}, "ends with event 4")]
)
def test_a_log_that_lacks_its_checkpoint_fails(
    app: Flask, audit: Run, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    """A log that was made anew, or cut off, is told from the one that was written down."""
    file = tmp_path / "checkpoint.json"
    file.write_text(json_checkpoint(app, **change))
    assert words in audit("prove", str(file), exit_code=1)


def test_a_log_that_lacks_its_signed_checkpoint_fails(app: Flask, audit: Run, tmp_path: Path) -> None:
    """The end was cut off, with all that the database holds of it, and nothing is remembered outside."""
    file = tmp_path / "checkpoint.txt"
    audit("checkpoint", "--out", str(file))
    with app.extensions["simsvc"].database.transaction() as session:
        for name in ("events_never_go", "event_contents_stay", "log_checkpoints_never_go"):
            session.execute(text(f"DROP TRIGGER {name}"))
        for statement in (
            "DELETE FROM event_contents WHERE seq > 2",
            "DELETE FROM events WHERE seq > 2",
            "DELETE FROM log_checkpoints",
            "DELETE FROM log_tiles",
        ):
            session.execute(text(statement))
    assert "rolled back" in audit("verify", exit_code=1)
    (tmp_path / "log-state.json").unlink()
    assert "The log is intact" in audit("verify")
    assert f"{file} says: the log was rewritten" in audit("prove", str(file), exit_code=1)


def test_what_is_new_is_verified_alone(app: Flask, audit: Run) -> None:
    """From the last checkpoint on, and without a record for the page."""
    audit("checkpoint")
    app.extensions["simsvc"].log.note(NewEvent(EventKind.EXPORT, COMMAND, "history", {}))
    said = audit("verify", "--since-checkpoint")
    assert "intact after the checkpoint of 4 events: 1 newer events" in said
    assert app.extensions["simsvc"].verifications.latest() is None
    with app.extensions["simsvc"].database.transaction() as session:
        session.execute(text("DROP TRIGGER events_never_change"))
        session.execute(text("UPDATE events SET actor = 'user:x' WHERE seq = 5"))
    assert "Event 5" in audit("verify", "--since-checkpoint", exit_code=1)


def test_proofs_are_printed_in_the_open_formats(app: Flask, audit: Run) -> None:
    """An inclusion proof as c2sp.org/tlog-proof; a consistency proof as hashes before the checkpoint."""
    assert "no checkpoint yet" in audit("inclusion", "2", exit_code=1)
    note = audit("checkpoint")
    lines = audit("inclusion", "2").split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 1"]
    assert [len(line) for line in lines[2:5]] == [44, 44, 0]
    assert "\n".join(lines[5:]) == note
    app.extensions["simsvc"].log.note(NewEvent(EventKind.EXPORT, COMMAND, "history", {}))
    later = audit("checkpoint")
    hashes, _, after = audit("consistency", "4").partition("\n\n")
    assert after == later
    head, old = parse_head(parse_note(later).text), parse_head(parse_note(note).text)
    assert consistency_holds(4, 5, [b64decode(line) for line in hashes.split()], old.root, head.root)
    assert audit("consistency", "4", "4") == f"\n{note}"
    assert "no checkpoint of 3" in audit("inclusion", "2", "--size", "3", exit_code=1)


def test_the_key_is_rotated_by_a_command(audit: Run, tmp_path: Path) -> None:
    """The new one is printed; a lost one is replaced when that is said."""
    first = audit("key").strip()
    second = audit("rotate-key").splitlines()[0]
    assert audit("key").strip() == second != first
    (tmp_path / "log-key.pem").unlink()
    assert "rotate-key --lost" in audit("key", exit_code=1)
    third = audit("rotate-key", "--lost").splitlines()[0]
    assert audit("key").strip() == third != second
    assert "The log is intact" in audit("verify")


def test_a_restore_is_acknowledged_by_a_command(app: Flask, audit: Run) -> None:
    """In words, which stay on record."""
    audit("checkpoint")
    assert "Say in a few words" in audit("acknowledge-restore", " ", exit_code=1)
    assert "is signed from" in audit("acknowledge-restore", "All of today.")
    with app.extensions["simsvc"].log.snapshot() as snapshot:
        last = snapshot.newest(EventFilter(kind="restore"), 1)[0]
    assert "All of today." in str(last.content)
    assert "was rebuilt" in audit("rebuild-tree")


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


def test_who_looked_is_listed(app: Flask, audit: Run) -> None:
    """A line for each view and export of a case or record, newest first, and how many views there are."""
    services: Services = app.extensions["simsvc"]
    record = services.estimates.record(replace(ESTIMATED, declared=Declaration("L-7")))
    at = datetime(2026, 1, 31, 12, tzinfo=UTC)
    by_person = Read("user:x", "page", "pages.show", at, record=record.id, by={"session": 7})
    by_program = Read("token:y", "api", "api_cases.show", at, case="L-7", by={"token": "y", "address": "::1"})
    services.reads.write([by_person, by_program])
    first = services.log.note(
        NewEvent(EventKind.EXPORT, "user:x", f"estimate:{record.id}", {"format": "pdf"})
    )
    seq, output = first.seq, audit("reads", "L-7")
    lines = [line.split("\t") for line in output.splitlines()]
    assert [line[1:] for line in lines[:3]] == [
        ["user:x", f"record {record.id}: pdf", "browser", f"event {seq}"],
        ["token:y", "case: api", "token, ::1", f"event {seq - 1}"],
        ["user:x", f"record {record.id}: page", "session 7", f"event {seq - 2}"],
    ]
    assert [line[0] for line in lines[1:3]] == ["2026-01-31T12:00:00+00:00"] * 2
    assert output.splitlines()[-1] == "2 views by 2 accounts or tokens."
    assert audit("reads", record.id) == output
    assert audit("reads", "L-7", "--count", "1").count("event") == 1
    assert "No estimate has this case" in audit("reads", "none", exit_code=1)
