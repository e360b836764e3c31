"""Verifying in the background, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text, update

from simsvc.errors import StoreError, VerificationRefused
from simsvc.flows.audit.verifications import PAUSE, STALLED, Verifier, is_running
from simsvc.store.audit.log import EventLog
from simsvc.store.audit.snapshot import LogSnapshot
from simsvc.store.audit.verifications import VerificationStore
from simsvc.store.database import Database
from simsvc.store.records.estimates import EstimateStore
from simsvc.store.tables import VerificationRow
from simsvc.values.events import COMMAND, Break, EventFilter, EventKind, LogState, NewEvent
from tests.simsvc.store.helpers import ESTIMATED

NOW = datetime(2026, 5, 4, tzinfo=UTC)
BY = "user:u1"


class Clock:
    """Stands still unless it is moved."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


def verifier(
    database: Database, clock: Clock, background: Callable[[Callable[[], None]], None] = lambda work: work()
) -> Verifier:
    return Verifier(EventLog(database).snapshot, VerificationStore(database), clock, background)


def test_a_verification_is_recorded_and_logged(database: Database, clock: Clock) -> None:
    """The result has the head of the log as it was; the event comes after it."""
    EstimateStore(database).record(ESTIMATED)
    verifier(database, clock).start(BY)
    last = VerificationStore(database).latest_found()
    assert last is not None
    assert last.found is not None
    assert last.found.head is not None
    assert (last.started_by, last.found.broken, last.found.events, last.found.head.seq) == (BY, None, 2, 2)
    with EventLog(database).snapshot() as snapshot:
        (event,) = snapshot.newest(EventFilter(kind="verification"), 5)
    assert (event.event.seq, event.event.actor, event.event.subject) == (3, BY, "log")
    assert '"intact":true' in (event.content or "")


def test_a_changed_record_is_found(database: Database, clock: Clock) -> None:
    """What is stored of the result names the event and says what is wrong."""
    EstimateStore(database).record(ESTIMATED)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE estimates SET age_years = 20"))
    verifier(database, clock).start(BY)
    last = VerificationStore(database).latest_found()
    assert last is not None
    assert last.found is not None
    assert last.found.broken is not None
    assert (last.found.broken.seq, last.found.broken.code) == (2, "record_differs")


def test_a_result_of_an_earlier_version_is_read(database: Database) -> None:
    """It knew the first problem only."""
    problem = {"seq": 2, "subject": "estimate:x", "code": "chain", "sentence": "Event 2 is missing."}
    store = VerificationStore(database)
    store.begin(1, BY, NOW)
    row = {"events": 3, "erased": 0, "head": None, "broken": problem}
    with database.engine.begin() as connection:
        connection.execute(update(VerificationRow).values(finished_at=NOW, found=row))
    last = store.latest_found()
    assert last is not None
    assert last.found == LogState(3, 0, None, (Break(**problem),))


def test_one_verification_runs_at_a_time(database: Database, clock: Clock) -> None:
    """A second one is refused while the first runs, and until some time after; not once the first stalled."""
    waiting: list[Callable[[], None]] = []
    lazy = verifier(database, clock, waiting.append)
    lazy.start(BY)
    with pytest.raises(VerificationRefused, match="already"):
        lazy.start(BY)
    waiting.pop()()
    with pytest.raises(VerificationRefused, match="30 seconds"):
        lazy.start(BY)
    clock.at += PAUSE
    lazy.start(BY)
    clock.at += STALLED
    stalled = VerificationStore(database).latest()
    assert stalled is not None
    assert not is_running(stalled, clock.at)
    lazy.start(BY)


def test_of_two_that_begin_together_one_is_refused(database: Database) -> None:
    """Both saw that nothing runs."""
    book = VerificationStore(database)
    book.begin(1, BY, NOW)
    with pytest.raises(VerificationRefused):
        book.begin(1, "user:u2", NOW)


def test_a_run_that_fails_is_marked(
    database: Database, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """It has an end and no result, and the next one may start."""

    def broken() -> AbstractContextManager[LogSnapshot]:
        raise StoreError("busy")

    Verifier(broken, VerificationStore(database), clock, lambda work: work()).start(BY)
    latest = VerificationStore(database).latest()
    assert latest is not None
    assert (latest.finished_at, latest.found) == (NOW, None)
    assert "verification 1 of the log failed" in caplog.text


def test_progress_is_reported_now_and_then(database: Database, clock: Clock) -> None:
    """Reports come at most twice a second, with events done and the total."""
    book, seen = VerificationStore(database), list[tuple[int, int]]()

    class Noted(VerificationStore):
        def advance(self, number: int, done: int, total: int, now: datetime) -> None:
            super().advance(number, done, total, now)
            latest = book.latest()
            assert latest is not None
            seen.append((latest.done, latest.total))

    def ticking() -> datetime:
        clock.at += timedelta(seconds=1)
        return clock.at

    Verifier(EventLog(database).snapshot, Noted(database), ticking, lambda work: work()).start(BY)
    assert seen == [(1, 1)]


def test_events_are_filtered(database: Database) -> None:
    """By kind, actor, subject and day, newest first; every filter narrows."""
    record = EstimateStore(database).record(ESTIMATED)
    log = EventLog(database)
    for number in range(3):
        log.note(NewEvent(EventKind.EXPORT, COMMAND, "history", {"number": number}))
    today = datetime.now(UTC).date()

    def found(wanted: EventFilter, **bounds: int) -> list[int]:
        with log.snapshot() as snapshot:
            return [entry.event.seq for entry in snapshot.newest(wanted, **{"count": 50, **bounds})]

    assert found(EventFilter()) == [5, 4, 3, 2, 1]
    assert found(EventFilter(), count=2, skipped=1) == [4, 3]
    assert found(EventFilter(kind="export")) == [5, 4, 3]
    assert found(EventFilter(actor=f"user:{ESTIMATED.asked_by}")) == [2]
    assert found(EventFilter(subjects=(f"estimate:{record.id}",))) == [2]
    assert found(EventFilter(subjects=())) == []
    assert found(EventFilter(kind="export", since=today, until=today)) == [5, 4, 3]
    assert found(EventFilter(until=date(2026, 1, 1))) == []
    with log.snapshot() as snapshot:
        assert [entry.event.seq for entry in snapshot.after(3, wanted=EventFilter(kind="export"))] == [4, 5]
