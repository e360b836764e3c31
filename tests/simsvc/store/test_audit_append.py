from __future__ import annotations

import json
from contextlib import suppress

import pytest
from sqlalchemy import select, text

from simsvc.domain.audit.chain import content_sha256, event_sha256
from simsvc.errors import StoreError
from simsvc.store.audit_append import append, erase_contents, last_event
from simsvc.store.database import Database
from simsvc.store.tables import EventContentRow
from simsvc.values.events import COMMAND, EventKind, NewEvent

INSERT = (
    "INSERT INTO events SELECT {seq}, at, kind, actor, subject, content_sha256, {previous}, 'x' "
    "FROM events WHERE seq = 2"
)
EXPORT = NewEvent(EventKind.EXPORT, COMMAND, "history", {"rows": 3})


def test_an_event_follows_the_last_one(database: Database) -> None:
    """Numbers run on, each event names the hash before it, and its own covers what it says."""
    with database.transaction() as session:
        first, second = append(session, EXPORT), append(session, EXPORT)
    assert (second.seq, second.previous_sha256) == (first.seq + 1, first.sha256)
    assert second.sha256 == event_sha256(second)
    with database.transaction() as session:
        assert last_event(session.connection()) == second
        kept = session.get_one(EventContentRow, second.seq)
        assert json.loads(kept.content) == {"rows": 3}
        assert second.content_sha256 == content_sha256(kept.salt, kept.content)


def test_the_log_says_where_it_begins(database: Database) -> None:
    """The first event of a new database names the records that are older than the log: none."""
    with database.transaction() as session:
        first = session.get_one(EventContentRow, 1)
        assert json.loads(first.content) == {"not_logged_up_to": {"decisions": 0, "estimates": 0}}


def test_what_is_rolled_back_is_not_logged(database: Database) -> None:
    """An event whose transaction fails leaves no gap."""
    with suppress(RuntimeError), database.transaction() as session:
        append(session, EXPORT)
        raise RuntimeError
    with database.transaction() as session:
        assert append(session, EXPORT).seq == 2


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET actor = 'other' WHERE seq = 1",
        "DELETE FROM events WHERE seq = 2",
        INSERT.format(seq=4, previous="sha256"),
        INSERT.format(seq=3, previous="'x'"),
        "UPDATE event_contents SET content = '{}'",
        "DELETE FROM event_contents WHERE seq = 1",
    ],
)
def test_the_database_itself_keeps_the_log(database: Database, statement: str) -> None:
    """No statement from anywhere changes an event, takes one away, or adds one elsewhere than at the end."""
    with database.transaction() as session:
        append(session, EXPORT)
    with pytest.raises(StoreError), database.transaction() as session:
        session.execute(text(statement))


def test_contents_are_erased_but_not_receipts(database: Database) -> None:
    """Erasing takes the contents of a subject's events, tells their numbers, and leaves the events."""
    with database.transaction() as session:
        append(session, NewEvent(EventKind.ESTIMATE, COMMAND, "estimate:1", {"age": 3}))
        append(session, NewEvent(EventKind.ESTIMATE, COMMAND, "estimate:2", {"age": 4}))
        append(session, NewEvent(EventKind.ERASURE, COMMAND, "estimate:1", {"events": []}))
        assert erase_contents(session, ["estimate:1"]) == (2,)
        assert list(session.scalars(select(EventContentRow.seq))) == [1, 3, 4]


@pytest.mark.parametrize("content", [{"at": object()}, {"x": float("nan")}, {"x": 2**60}, {1: "x"}])
def test_only_json_is_logged(database: Database, content: dict[str, object]) -> None:
    """What JSON cannot hold exactly is refused before anything is written."""
    with pytest.raises(ValueError, match="JSON"), database.transaction() as session:
        append(session, NewEvent(EventKind.EXPORT, COMMAND, "history", content))
