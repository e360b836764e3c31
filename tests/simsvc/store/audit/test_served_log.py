from __future__ import annotations

from datetime import UTC, datetime

import pytest

from simsvc.store.audit.log import EventLog
from simsvc.store.audit.served_log import LoggedIndex, ServedLog
from simsvc.store.database import Database
from simsvc.store.index.builds import BuildStore
from simsvc.store.records.switches import SwitchStore
from simsvc.values.events import EventFilter, EventKind
from tests.simsvc.store.helpers import BUILD, FACES

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def count(database: Database, kind: EventKind) -> int:
    with EventLog(database).snapshot() as snapshot:
        return len(snapshot.after(None, 200, EventFilter(kind=str(kind))))


def test_a_new_log_has_no_build(database: Database) -> None:
    """The first one may be taken."""
    assert ServedLog(database).index(BUILD.label) == LoggedIndex(frozenset(), None, is_first=True)


def test_a_build_is_logged_once_with_its_manifest(database: Database) -> None:
    """Recording it again adds no event; another label is unknown."""
    for _ in range(2):
        BuildStore(database).record(BUILD, FACES)
    found = ServedLog(database).index(BUILD.label)
    assert len(found.manifests) == 1
    assert not found.is_first
    assert count(database, EventKind.BUILD) == 1
    assert ServedLog(database).index("demo/b-ffffffffffff").manifests == frozenset()


def test_switches_are_known_newest_first(database: Database) -> None:
    """Each label once, and the last one is in service."""
    for label in ("demo/b-1", "demo/b-2", "demo/b-1"):
        with SwitchStore(database).recording(label, None, None, NOW):
            pass
    assert ServedLog(database).switched() == ("demo/b-1", "demo/b-2")
    assert ServedLog(database).peek("demo/b-2").switched == "demo/b-1"


@pytest.mark.parametrize("of", [{}, {"of": "demo/b-1"}])
def test_a_problem_is_logged_once_until_it_ends(database: Database, of: dict[str, str]) -> None:
    """The end is logged once, too, and only after a problem."""
    book = ServedLog(database)
    book.note_end("index")
    for _ in range(2):
        for _ in range(3):
            book.note("index", {"problem": "index_damaged", **of})
        for _ in range(3):
            book.note_end("index")
    assert count(database, EventKind.SERVED) == 4


def test_a_problem_is_judged_while_nobody_can_switch(database: Database) -> None:
    """What the judge finds is logged in the same transaction; nothing found, nothing logged."""
    book = ServedLog(database)
    assert not book.confirm_index(BUILD.label, lambda _logged: None)
    assert count(database, EventKind.SERVED) == 0
    for _ in range(2):
        assert book.confirm_index(BUILD.label, lambda logged: {"problem": "p", "first": logged.is_first})
    assert count(database, EventKind.SERVED) == 1
