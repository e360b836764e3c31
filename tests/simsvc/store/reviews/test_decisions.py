from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import text

from simsvc.errors import CaseNotFound, DecisionSuperseded, EstimateNotFound, StoreError
from simsvc.store.database import Database
from simsvc.store.desk.history import HistoryFilter, HistoryStore
from simsvc.store.records.estimates import EstimateStore
from simsvc.store.reviews.decisions import DecisionStore
from simsvc.store.reviews.undecided import UndecidedStore
from simsvc.values import DecisionDraft, Declaration
from tests.simsvc.store.helpers import ESTIMATED, REFUSED

NOW = datetime(2026, 5, 4, tzinfo=UTC)
ACCEPT, OVERRIDE = DecisionDraft("accept", note="ok"), DecisionDraft("override", 40, "passport")


def test_the_latest_decision_counts_and_the_older_stay(database: Database) -> None:
    """Decisions come back latest first, each as it was made."""
    store, record = DecisionStore(database), EstimateStore(database).record(ESTIMATED)
    store.add(record.id, ACCEPT, "u1", 0, NOW)
    store.add(record.id, OVERRIDE, "u2", 1, NOW)
    assert [(made.number, made.draft, made.decided_by) for made in store.of(record.id)] == [
        (2, OVERRIDE, "u2"),
        (1, ACCEPT, "u1"),
    ]


def test_of_two_rivals_one_is_told(database: Database) -> None:
    """Who decides on what is no longer the latest is refused, and nothing is recorded."""
    store, record = DecisionStore(database), EstimateStore(database).record(ESTIMATED)
    store.add(record.id, ACCEPT, "u1", 0, NOW)
    with pytest.raises(DecisionSuperseded):
        store.add(record.id, OVERRIDE, "u2", 0, NOW)
    assert len(store.of(record.id)) == 1
    with pytest.raises(EstimateNotFound):
        store.add("none", ACCEPT, "u1", 0, NOW)


def test_the_database_itself_refuses_to_change_a_decision(database: Database) -> None:
    """An UPDATE from anywhere fails."""
    store, record = DecisionStore(database), EstimateStore(database).record(ESTIMATED)
    store.add(record.id, ACCEPT, "u1", 0, NOW)
    with pytest.raises(StoreError), database.transaction() as session:
        session.execute(text("UPDATE decisions SET note = 'other'"))


def test_declarations_come_back_and_a_case_is_found(database: Database) -> None:
    """Case and dates are read back; a case holds its own estimates only."""
    store = EstimateStore(database)
    declared = Declaration("2026/1 <b>", date(1992, 2, 29), date(2020, 1, 1))
    record = store.record(replace(ESTIMATED, declared=declared))
    store.record(REFUSED)
    assert store.find(record.id).estimate.declared == declared
    assert [found.id for found in store.of_case("2026/1 <b>")] == [record.id]
    with pytest.raises(CaseNotFound):
        store.of_case("2026/1")


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (HistoryFilter(), [3, 2, 1]),
        (HistoryFilter(case="aLP"), [2]),
        (HistoryFilter(case="%"), []),
        (HistoryFilter(status="refused"), [3]),
        (HistoryFilter(status="withheld"), [1]),
        (HistoryFilter(status="estimated"), [2]),
        (HistoryFilter(flag="other_faces_behind"), [2, 1]),
        (HistoryFilter(flag="otherXfaces_behind"), []),
        (HistoryFilter(model="tiny-0"), [2, 1]),
        (HistoryFilter(index="demo/none"), []),
        (HistoryFilter(person="u9"), [1]),
        (HistoryFilter(decision="override"), [1]),
        (HistoryFilter(decision="accept"), []),
        (HistoryFilter(decision="undecided"), [3, 2]),
        (HistoryFilter(since=date(2100, 1, 1)), []),
        (HistoryFilter(until=date(2100, 1, 1)), [3, 2, 1]),
        (HistoryFilter(until=date(2020, 1, 1)), []),
    ],
)
def test_the_history_is_filtered(database: Database, wanted: HistoryFilter, numbers: list[int]) -> None:
    """Each filter gives its records, newest first, on the page, in the count and in the export."""
    store, history = EstimateStore(database), HistoryStore(database)
    first = store.record(ESTIMATED)
    store.record(replace(ESTIMATED, refer_reason=None, declared=Declaration("Alpha")))
    store.record(REFUSED)
    DecisionStore(database).add(first.id, ACCEPT, "u1", 0, NOW)
    DecisionStore(database).add(first.id, OVERRIDE, "u9", 1, NOW)
    total, rows = history.page(wanted, "newest", 1)
    assert [row.recorded.number for row in rows] == numbers
    assert [row.recorded.number for row in history.every(wanted)] == numbers
    assert total == len(numbers)


def test_undecided_records_lead_to_each_other(database: Database) -> None:
    """The closest on each side, never a decided one; after the newest comes the oldest."""
    store, undecided = EstimateStore(database), UndecidedStore(database)
    records = [store.record(ESTIMATED) for _ in range(5)]
    for decided in (records[1], records[3]):
        DecisionStore(database).add(decided.id, ACCEPT, "u1", 0, NOW)

    def around(place: int) -> tuple[int | None, ...]:
        found = undecided.neighbouring_undecided(records[place].number)
        numbers = [None if ref is None else ref.number for ref in (found.previous, found.next)]
        return tuple(None if n is None else n - records[0].number for n in numbers)

    assert [around(place) for place in range(5)] == [(None, 2), (0, 2), (0, 4), (2, 4), (2, 0)]


def test_the_only_undecided_record_leads_nowhere(database: Database) -> None:
    """A record is not its own neighbour."""
    only = EstimateStore(database).record(ESTIMATED)
    found = UndecidedStore(database).neighbouring_undecided(only.number)
    assert (found.previous, found.next) == (None, None)
