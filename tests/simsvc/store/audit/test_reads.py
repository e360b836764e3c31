from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from simsvc.domain.audit.who_looked import look_of
from simsvc.flows.audit.verify_log import verify
from simsvc.store.audit.log import EventLog
from simsvc.store.audit.reads import CasePseudonymRow, ReadStore
from simsvc.store.database import Database
from simsvc.store.erasure.records import ErasureStore
from simsvc.store.records.estimates import EstimateStore
from simsvc.values import Declaration, RecordedEstimate
from simsvc.values.audit.reads import Read, Views
from simsvc.values.events import EventKind, LoggedEvent, NewEvent
from tests.simsvc.store.helpers import ESTIMATED

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
CASE = "Erika Mustermann"


@pytest.fixture
def reads(database: Database) -> ReadStore:
    return ReadStore(database)


def recorded(database: Database, case: str | None = CASE) -> RecordedEstimate:
    return EstimateStore(database).record(replace(ESTIMATED, declared=Declaration(case)))


def of_record(record: RecordedEstimate, actor: str = "user:a") -> Read:
    return Read(actor, "page", "pages.show", NOW, record=record.id, by={"session": 7})


def of_case(case: str = CASE, actor: str = "user:a") -> Read:
    return Read(actor, "api", "api_cases.show", NOW, case=case, by={"token": "0123456789ab"})


def all_events(database: Database) -> list[LoggedEvent]:
    with EventLog(database).snapshot() as snapshot:
        return [logged for page in snapshot.pages() for logged in page]


def is_intact(database: Database) -> bool:
    with EventLog(database).snapshot() as snapshot:
        return verify(snapshot, lambda _done, _total: None).broken is None


def test_a_read_is_an_event_with_its_actor_and_session(database: Database, reads: ReadStore) -> None:
    """The subject is the record; the content says what, by which route, when and in which session."""
    record = recorded(database)
    reads.write([of_record(record)])
    (logged,) = reads.of_record(record.id, 10)
    assert (logged.event.kind, logged.event.actor) == ("read", "user:a")
    assert logged.event.subject == f"estimate:{record.id}"
    assert json.loads(logged.content or "") == {
        "what": "page",
        "endpoint": "pages.show",
        "at": "2026-11-29T12:00:00.000+00:00",
        "session": 7,
    }
    assert is_intact(database)


def test_a_case_is_named_by_one_pseudonym(database: Database, reads: ReadStore) -> None:
    """The log holds no reference, in no event; another case has another pseudonym."""
    recorded(database)
    recorded(database, "B")
    reads.write([of_case(), of_case("B")])
    reads.write([of_case()])
    subjects = [
        logged.event.subject for logged in all_events(database) if logged.event.kind == EventKind.READ
    ]
    assert subjects[0] == subjects[2] != subjects[1]
    assert all(subject.startswith("case:") and len(subject) == 37 for subject in subjects)
    read_events = [logged for logged in all_events(database) if logged.event.kind == EventKind.READ]
    assert not any(CASE in str(logged) for logged in read_events)


def test_a_case_is_looked_at_with_its_records(database: Database, reads: ReadStore) -> None:
    """Reads of the case and of its records, and exports of these, newest first; views count no exports."""
    record, other = recorded(database), recorded(database, "B")
    reads.write([of_case(), of_record(record, "user:b"), of_record(other, "user:c")])
    EventLog(database).note(NewEvent(EventKind.EXPORT, "user:a", f"estimate:{record.id}", {"format": "pdf"}))
    looks = [look_of(logged) for logged in reads.of_case(CASE, 10)]
    assert [(look.actor, look.record, look.what) for look in looks] == [
        ("user:a", record.id, "pdf"),
        ("user:b", record.id, "page"),
        ("user:a", "", "api"),
    ]
    assert [look.token for look in looks] == [None, None, "0123456789ab"]
    assert reads.views_of_case(CASE) == Views(2, 2)
    assert reads.views_of_case("no such case") == Views(0, 0)


def test_a_record_was_seen_with_its_case_once_it_was_there(database: Database, reads: ReadStore) -> None:
    """Views of the case count for a record from its beginning on, and not for one that came later."""
    first = recorded(database)
    reads.write([of_case()])
    late = EstimateStore(database).record(replace(ESTIMATED, declared=Declaration(CASE)))
    assert [look_of(logged).what for logged in reads.of_record(first.id, 10)] == ["api"]
    assert reads.of_record(late.id, 10) == []
    assert (reads.views_of_record(first.id), reads.views_of_record(late.id)) == (Views(1, 1), Views(0, 0))


def test_pages_follow_each_other(database: Database, reads: ReadStore) -> None:
    """By a number of lines to skip, and by the number of the event before which to go on."""
    record = recorded(database)
    reads.write([of_record(record, f"user:{number}") for number in range(5)])
    found = reads.of_record(record.id, 2)
    assert [logged.event.actor for logged in found] == ["user:4", "user:3"]
    further = reads.of_record(record.id, 2, skipped=2)
    assert [logged.event.actor for logged in further] == ["user:2", "user:1"]
    assert reads.of_record(record.id, 2, before=found[-1].event.seq) == further


def test_an_erasure_takes_contents_and_pseudonym(database: Database, reads: ReadStore) -> None:
    """What reads say is erased, nothing says any more which case it was, and the log stays intact."""
    record = recorded(database)
    reads.write([of_case(), of_record(record)])
    before = all_events(database)
    ErasureStore(database).erase_case(CASE, "command", NOW)
    with database.reading() as session:
        assert session.scalars(select(CasePseudonymRow)).all() == []
    after = all_events(database)
    assert [logged.event for logged in after[: len(before)]] == [logged.event for logged in before]
    assert [logged.content for logged in after if logged.event.kind == EventKind.READ] == [None, None]
    assert reads.of_case(CASE, 10) == []
    (look,) = (look_of(logged) for logged in reads.of_record(record.id, 10))
    assert (look.actor, look.what, look.session) == ("user:a", "", None)
    assert is_intact(database)


def test_a_case_keeps_its_pseudonym_while_it_has_records(database: Database, reads: ReadStore) -> None:
    """Erasing one record erases what was said of it; with the last one the case is over."""
    first, last = recorded(database), recorded(database)
    reads.write([of_case(), of_record(first), of_record(last)])
    erasures = ErasureStore(database)
    erasures.erase_estimate(first.id, "command", NOW)
    assert [look_of(logged).what for logged in reads.of_case(CASE, 10)] == ["page", "api"]
    erasures.erase_estimate(last.id, "command", NOW)
    with database.reading() as session:
        assert session.scalars(select(CasePseudonymRow)).all() == []
    assert all(
        logged.content is None for logged in all_events(database) if logged.event.kind == EventKind.READ
    )
    assert is_intact(database)


def test_a_read_that_comes_after_the_erasure_names_no_case(database: Database, reads: ReadStore) -> None:
    """It waited while the case was erased: the event says only that, and no pseudonym is made again."""
    record = recorded(database)
    ErasureStore(database).erase_case(CASE, "command", NOW)
    reads.write([of_case(), of_record(record)])
    late = all_events(database)[-2:]
    assert [logged.event.subject for logged in late] == ["case", f"estimate:{record.id}"]
    assert [logged.content for logged in late] == ["{}", "{}"]
    with database.reading() as session:
        assert session.scalars(select(CasePseudonymRow)).all() == []
    assert is_intact(database)


def test_writing_nothing_asks_whether_the_database_can_be_written(
    database: Database, reads: ReadStore
) -> None:
    """No event comes of it."""
    before = len(all_events(database))
    reads.write([])
    assert len(all_events(database)) == before
