from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from simsvc.domain.audit.chain import canonical, content_sha256, next_event
from simsvc.errors import PhotoLost
from simsvc.flows.audit.verify_log import CLOCK_TOLERANCE, verify
from simsvc.store import migrate
from simsvc.store.audit.log import EventLog
from simsvc.store.audit_append import append, erase_contents, last_event
from simsvc.store.database import Database
from simsvc.store.desk.batches import BatchStore
from simsvc.store.records.estimates import EstimateStore
from simsvc.store.reviews.decisions import DecisionStore
from simsvc.store.tables import EventContentRow, EventRow
from simsvc.values import DecisionDraft
from simsvc.values.events import COMMAND, Break, Checkpoint, EventKind, NewEvent, Verdict
from tests.simsvc.store.helpers import ESTIMATED, REFUSED, tamper

NOW = datetime(2026, 5, 4, tzinfo=UTC)
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""PostgreSQL stores only what fits its columns, and its databases of the tests begin with the log."""


@pytest.fixture
def log(database_url: str) -> Iterator[Database]:
    """Return a database with seven events: its first, two estimates, two decisions, an export, a refusal."""
    database = Database(database_url)
    estimates, decisions = EstimateStore(database), DecisionStore(database)
    first = estimates.record(ESTIMATED)
    estimates.record(ESTIMATED)
    decisions.add(first.id, DecisionDraft("accept", note="ok"), "u1", 0, NOW)
    decisions.add(first.id, DecisionDraft("override", 40, "passport"), "u2", 1, NOW)
    EventLog(database).note(NewEvent(EventKind.EXPORT, "user:u1", "history", {"format": "csv"}))
    estimates.record(REFUSED)
    yield database
    database.close()


def verdict(database: Database, checkpoint: Checkpoint | None = None) -> Verdict:
    seen: list[tuple[int, int]] = []
    with EventLog(database).snapshot() as snapshot:
        found = verify(snapshot, lambda done, total: seen.append((done, total)), checkpoint)
    assert seen[-1] == (found.events, found.events)
    return found


def stored(database: Database, seq: int, column: str) -> str:
    with database.reading() as session:
        return str(session.scalar(select(EventRow.__table__.c[column]).where(EventRow.seq == seq)))


def test_an_untouched_log_fits(log: Database) -> None:
    """Every event is counted, and the last one is named."""
    found = verdict(log)
    assert (found.events, found.erased, found.broken) == (7, 0, None)
    assert found.last is not None
    assert found.last.seq == 7


COLUMNS = ("at", "kind", "actor", "subject", "content_sha256", "previous_sha256", "sha256")


@pytest.mark.parametrize("column", COLUMNS)
def test_any_byte_of_any_event_that_is_changed_is_named(log: Database, column: str) -> None:
    """A random byte of this column, changed in one event after the other, is found at just that event."""
    change = f"UPDATE events SET {column} = :value WHERE seq = :seq"  # noqa: S608 - a column of ours
    for seq in range(1, 8):
        before = stored(log, seq, column)
        place = secrets.randbelow(len(before))
        after = before[:place] + chr(ord(before[place]) ^ 1) + before[place + 1 :]
        tamper(log, change, value=after, seq=seq)
        broken = verdict(log).broken
        assert broken is not None
        assert (broken.seq, broken.code) == (seq, "chain")
        assert f"vent {seq}" in broken.sentence
        tamper(log, change, value=before, seq=seq)
    assert verdict(log).broken is None


def test_a_changed_content_or_salt_is_named(log: Database) -> None:
    """What stands beside the chain is held to its digest."""
    for statement, value in (
        ("UPDATE event_contents SET content = :value WHERE seq = 4", "{}"),
        ("UPDATE event_contents SET salt = :value WHERE seq = 4", bytes(32)),
    ):
        tamper(log, statement, value=value)
        broken = verdict(log).broken
        assert broken is not None
        assert (broken.seq, broken.code) == (4, "content")


BREAKS: dict[str, tuple[list[str], int | None, str]] = {
    "an event taken out": (
        ["DELETE FROM event_contents WHERE seq = 3", "DELETE FROM events WHERE seq = 3"],
        3,
        "chain",
    ),
    "the first event taken out": (
        ["DELETE FROM event_contents WHERE seq = 1", "DELETE FROM events WHERE seq = 1"],
        1,
        "chain",
    ),
    "the last event taken out": (
        ["DELETE FROM event_contents WHERE seq = 7", "DELETE FROM events WHERE seq = 7"],
        None,
        "not_logged",
    ),
    "an event before the first": (
        [
            "INSERT INTO events SELECT 0, at, kind, actor, subject, content_sha256, sha256, 'x' "
            "FROM events WHERE seq = 1"
        ],
        0,
        "chain",
    ),
    "a content taken out": (["DELETE FROM event_contents WHERE seq = 6"], 6, "content_missing"),
    "an estimate changed": (["UPDATE estimates SET age_years = 20 WHERE sequence = 2"], 3, "record_differs"),
    "a crop changed": (["UPDATE crops SET png = 'x' WHERE estimate = 2"], 3, "record_differs"),
    "a neighbour taken out": (
        ["DELETE FROM neighbours WHERE estimate = 2 AND rank = 1"],
        3,
        "record_differs",
    ),
    "an estimate taken out": (["DELETE FROM estimates WHERE sequence = 2"], 3, "record_missing"),
    "a decision changed": (["UPDATE decisions SET note = 'other' WHERE number = 2"], 5, "record_differs"),
    "a decision taken out": (["DELETE FROM decisions WHERE number = 1"], 4, "record_missing"),
    "a decision put in": (
        [
            "INSERT INTO decisions (estimate, number, kind, reason, note, decided_by, created_at) "
            "SELECT 2, 1, kind, reason, note, decided_by, created_at FROM decisions WHERE number = 1"
        ],
        3,
        "record_differs",
    ),
    "an estimate put in": (
        [
            "INSERT INTO estimates (public_id, created_at, status, photo_name, photo_sha256, flags, ms) "
            "SELECT 'planted', created_at, status, photo_name, photo_sha256, flags, ms FROM estimates "
            "WHERE sequence = 3"
        ],
        None,
        "not_logged",
    ),
}


@pytest.mark.parametrize("what", BREAKS)
def test_the_first_break_is_named(log: Database, what: str) -> None:
    """Whatever is changed behind the service's back is found, with the event's number where it has one."""
    statements, seq, code = BREAKS[what]
    tamper(log, *statements)
    broken = verdict(log).broken
    assert broken is not None
    assert (broken.seq, broken.code) == (seq, code)


def test_all_problems_are_named_by_event_number(log: Database) -> None:
    """A changed event does not hide what else was changed; records without an event come last."""
    (planted,) = BREAKS["an estimate put in"][0]
    erased = "DELETE FROM event_contents WHERE seq = 6"
    changed = "UPDATE decisions SET note = 'other' WHERE number = 2"
    tamper(log, planted, erased, changed, "UPDATE events SET actor = 'user:x' WHERE seq = 2")
    found = verdict(log)
    assert [(broken.seq, broken.code) for broken in found.problems] == [
        (2, "chain"),
        (5, "record_differs"),
        (6, "content_missing"),
        (None, "not_logged"),
    ]
    assert (found.broken, found.more) == (found.problems[0], 0)


def test_of_many_problems_the_first_are_kept_and_all_are_counted(log: Database) -> None:
    """A log with most events changed gives no endless list."""
    EventLog(log).note_all(NewEvent(EventKind.EXPORT, "user:u1", "history", {}) for _ in range(250))
    tamper(log, "UPDATE events SET actor = 'user:x' WHERE seq > 7")
    found = verdict(log)
    assert [broken.seq for broken in found.problems] == list(range(8, 108))
    assert found.more == 150


@ON_SQLITE
@pytest.mark.parametrize(
    "change",
    ["ms = 'x'", "created_at = 'x'", "age_years = 'x'", "photo_name = CAST(x'ff' AS TEXT)", "flags = '7'"],
)
def test_a_record_that_cannot_be_read_is_a_changed_one(log: Database, change: str) -> None:
    """SQLite stores anything in any column: the record is named, whatever reading it does."""
    tamper(log, f"UPDATE estimates SET {change} WHERE sequence = 2")  # noqa: S608 - changes of ours
    broken = verdict(log).broken
    assert broken is not None
    assert (broken.seq, broken.code) == (3, "record_differs")


@ON_SQLITE
def test_text_that_is_no_unicode_is_a_break_too(log: Database) -> None:
    """SQLite lets an owner store bytes as text: they are a changed event, not a crash."""
    tamper(log, "UPDATE events SET actor = CAST(x'ff00' AS TEXT) WHERE seq = 2")
    broken = verdict(log).broken
    assert broken is not None
    assert (broken.seq, broken.code) == (2, "chain")


def erase(session: Session, subject: str, receipt: Callable[[tuple[int, ...]], list[int]]) -> None:
    public_id = subject.removeprefix("estimate:")
    session.execute(text("DELETE FROM estimates WHERE public_id = :public_id"), {"public_id": public_id})
    events = receipt(erase_contents(session, [subject]))
    append(session, NewEvent(EventKind.ERASURE, COMMAND, subject, {"events": events}))


def test_an_erased_record_is_no_break_where_a_receipt_names_it(log: Database) -> None:
    """After an erasure with its receipt the log fits; without, or with an incomplete one, it does not."""
    with log.reading() as session:
        first, second = session.scalars(text("SELECT public_id FROM estimates ORDER BY sequence LIMIT 2"))
    with log.transaction() as session:
        erase(session, f"estimate:{first}", list)
    found = verdict(log)
    assert (found.events, found.erased, found.broken) == (8, 3, None)
    with log.transaction() as session:
        erase(session, f"estimate:{second}", lambda _events: [])
    broken = verdict(log).broken
    assert broken is not None
    assert (broken.seq, broken.code) == (3, "content_missing")


def test_a_checkpoint_is_proved_or_not(log: Database) -> None:
    """A log that went on contains its checkpoint; one that was written anew or cut off does not."""
    last = verdict(log).last
    assert last is not None
    checkpoint = Checkpoint(last.seq, last.sha256, last.at)
    EventLog(log).note(NewEvent(EventKind.EXPORT, "user:u1", "history", {}))
    assert verdict(log, checkpoint).broken is None
    anew = verdict(log, replace(checkpoint, sha256="0" * 64)).broken
    cut = verdict(log, replace(checkpoint, seq=9)).broken
    assert anew is not None
    assert cut is not None
    assert (anew.seq, anew.code, cut.seq, cut.code) == (7, "checkpoint", 9, "checkpoint")


def log_at(database: Database, at: datetime) -> None:
    """Append an event that the clock dated so."""
    new = NewEvent(EventKind.EXPORT, "user:u1", "history", {})
    content, salt = canonical(new.content), bytes(32)
    with database.engine.begin() as connection:
        event = next_event(new, at, content_sha256(salt, content), last_event(connection))
        connection.execute(EventRow.__table__.insert(), asdict(event))
        said = {"seq": event.seq, "salt": salt, "content": content}
        connection.execute(EventContentRow.__table__.insert(), said)


def test_an_event_that_is_dated_back_is_named(log: Database) -> None:
    """By more than the tolerance, against the one before it; later events are dated from there on."""
    last = verdict(log).last
    assert last is not None
    for before in (CLOCK_TOLERANCE, 2 * CLOCK_TOLERANCE, 3 * CLOCK_TOLERANCE + timedelta(milliseconds=100)):
        log_at(log, last.time - before)
    assert verdict(log).problems == (
        Break(
            10,
            "history",
            "time_order",
            f"Event 10 is dated {stored(log, 10, 'at')}, 5.1 s before the event before it.",
        ),
    )


def old_site(database: Database) -> None:
    """Write what earlier versions left without events, or with events that say less."""
    rows = (
        "INSERT INTO users (public_id, name, name_key, role, created_at, epoch, password_hash) "
        "VALUES ('u1', 'Anna', 'anna', 'auditor', '2026-01-02 03:04:05', 0, 'x')",
        "INSERT INTO tokens (public_id, name, scopes, secret_sha256, created_at, expires_at, revoked_at) "
        "VALUES ('t1', 'intake', '[\"estimate\", \"audit\"]', 'ab', '2026-01-02 03:04:05', "
        "'2027-01-02 03:04:05', '2026-05-06 07:08:09')",
        "INSERT INTO builds (label, index_name, build_id, count, sources, model_sha256, manifest_sha256, "
        "created_at) VALUES ('demo/b-1', 'demo', 'b-1', 9, '[]', 'ab', 'cd', '2026-01-02 03:04:05')",
        "INSERT INTO index_switches (label, switched_at) VALUES ('demo/b-1', '2026-01-02 03:04:05')",
        "INSERT INTO model_switches (sequence, bundle_sha256, model_sha256, version, switched_at) "
        "VALUES (1, 'ab', 'cd', 'face-1', '2026-01-02 03:04:05')",
        "INSERT INTO batches (sequence, public_id, name, created_at, asked_by) "
        "VALUES (1, 'b1', 'a.zip', '2026-01-02 03:04:05', 'u1'), "
        "(2, 'b2', 'b.zip', '2026-01-02 03:04:05', 'u1')",
        "INSERT INTO batch_photos (batch, position, photo_name, status, attempts, code) "
        "VALUES (1, 0, 'a.jpg', 'failed', 1, 'not_judged'), (2, 0, 'b.jpg', 'waiting', 0, NULL), "
        "(2, 1, 'c.jpg', 'refused', 1, 'no_face')",
    )
    with database.engine.begin() as connection:
        for row in rows:
            connection.execute(text(row))


def test_what_earlier_versions_left_is_covered_from_the_upgrade_on(database_url: str, tmp_path: Path) -> None:
    """One event says what accounts, tokens, builds, switches and batches are like then, and one a batch."""
    url = f"sqlite:///{tmp_path / 'old.sqlite3'}" if database_url.startswith("sqlite") else database_url
    database = Database(url)
    if database.engine.dialect.name == "sqlite":
        migrate.upgrade(database.engine, "0021")
    else:  # it has all tables, and no rows
        with database.engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '0021'"))
    old_site(database)
    migrate.upgrade(database.engine, "0022")
    if database.engine.dialect.name == "sqlite":
        migrate.upgrade(database.engine)
    found = verdict(database)
    assert (found.events, found.problems) == (3, ())
    BatchStore(database, EstimateStore(database)).give_up("b2", 0, PhotoLost())
    assert verdict(database).problems == ()
    tamper(
        database,
        "UPDATE users SET role = 'admin'",
        "UPDATE tokens SET revoked_at = NULL",
        "UPDATE builds SET count = 8",
        "UPDATE index_switches SET previous = 'demo/b-0'",
        "UPDATE model_switches SET version = 'face-2'",
        "UPDATE batches SET asked_by = 'u2'",
        "UPDATE batch_photos SET code = 'x'",
    )
    assert {problem.subject for problem in verdict(database).problems} == {
        *("users:u1", "tokens:t1", "builds:demo/b-1", "index_switches:1", "model_switches:1"),
        *("batches:b1", "batches:b2", "batch_photos:b1/0", "batch_photos:b2/0", "batch_photos:b2/1"),
    }
    database.close()


def test_records_of_before_the_log_are_no_break(tmp_path: Path) -> None:
    """A database with records that is upgraded to the log verifies, and says so in its first event."""
    database = Database(f"sqlite:///{tmp_path / 'old.sqlite3'}")
    migrate.upgrade(database.engine, "0005")
    with database.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO estimates (public_id, created_at, status, photo_name, photo_sha256, flags, ms) "
                "VALUES ('0123', '2026-01-02 03:04:05', 'refused', 'me.jpg', 'ab', '[]', '{}')"
            )
        )
    migrate.upgrade(database.engine)
    assert verdict(database).broken is None
    EstimateStore(database).record(REFUSED)
    assert verdict(database).events == 2
