"""What the work list, the history and the overview find, on each kind of database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from simsvc.domain.estimate.output.serialize import describe
from simsvc.errors import ViewRefused
from simsvc.store.database import Database
from simsvc.store.desk import history
from simsvc.store.desk.batches import BatchStore
from simsvc.store.desk.history import HistoryFilter, HistoryStore
from simsvc.store.desk.origins import BatchRef, OriginStore
from simsvc.store.desk.overview import OverviewStore
from simsvc.store.desk.periods import Period
from simsvc.store.desk.saved_views import MOST_VIEWS, SavedViewStore
from simsvc.store.records.estimates import EstimateStore
from simsvc.store.reviews.decisions import DecisionStore
from simsvc.values import DecisionDraft, Declaration, Estimate, NewPhoto
from tests.simsvc.store.helpers import ESTIMATED, REFUSED

ANNA, BEN = "a" * 32, "b" * 32
NOW = datetime.now(UTC)
DAY = Period(NOW - timedelta(hours=1), NOW + timedelta(hours=1))
RELIABLE = replace(ESTIMATED, refer_reason=None)


def declaring(estimate: Estimate, years: int, case: str | None = None) -> Estimate:
    """Return an estimate of a photo taken today, with a declared age."""
    today = datetime.now(UTC).date()
    return replace(estimate, declared=Declaration(case, date(today.year - years, 1, 1), today))


def found(database: Database, wanted: HistoryFilter) -> list[int]:
    return [row.recorded.number for row in HistoryStore(database).some(wanted, "oldest", 0, 100)]


def decide(database: Database, number: int, draft: DecisionDraft, after: int = 0, by: str = ANNA) -> None:
    record = HistoryStore(database).some(HistoryFilter(number=number), "newest", 0, 1)[0].recorded.id
    DecisionStore(database).add(record, draft, by, after, datetime.now(UTC))


@pytest.fixture
def records(database: Database) -> Database:
    """Record 1 fits, 2 is outside, 3 unreliable, 4 without a birth date, 5 without a result."""
    store = EstimateStore(database)
    store.record(declaring(RELIABLE, 37, "L-1"))
    store.record(declaring(RELIABLE, 60, "L-1"))
    store.record(declaring(ESTIMATED, 37, "L_2"))
    with store.together() as recorder:
        recorder.record(replace(RELIABLE, photo_name="100%_sure.jpg"))
        recorder.record(declaring(REFUSED, 37))
    return database


def test_records_are_found_by_their_verdict(records: Database) -> None:
    """Each record keeps its verdict, however it was recorded, and the verdict is as computed today."""
    assert found(records, HistoryFilter(verdict="fits")) == [1]
    assert found(records, HistoryFilter(verdict="outside")) == [2]
    assert found(records, HistoryFilter(verdict="cannot_tell")) == [3, 5]
    rows = HistoryStore(records).some(HistoryFilter(), "oldest", 0, 10)
    assert [row.verdict for row in rows] == ["fits", "outside", "cannot_tell", None, "cannot_tell"]


def test_records_are_found_by_their_outcome(records: Database) -> None:
    """Reliable, unreliable and missing estimates are told apart."""
    assert found(records, HistoryFilter(status="estimated")) == [1, 2, 4]
    assert found(records, HistoryFilter(status="withheld")) == [3]
    assert found(records, HistoryFilter(status="refused")) == [5]


def test_the_latest_decision_moves_a_record(records: Database) -> None:
    """A decided record leaves the undecided ones; a later decision moves it again."""
    assert found(records, HistoryFilter(decision="undecided", verdict="outside")) == [2]
    decide(records, 2, DecisionDraft("refer", note="please look"))
    assert found(records, HistoryFilter(decision="undecided")) == [1, 3, 4, 5]
    assert found(records, HistoryFilter(decision="refer")) == [2]
    decide(records, 2, DecisionDraft("override", 58, "passport"), after=1, by=BEN)
    assert found(records, HistoryFilter(decision="refer")) == []
    assert found(records, HistoryFilter(decision="override", decided_since=DAY.since)) == [2]
    assert found(records, HistoryFilter(decided_since=NOW + timedelta(days=1))) == []
    assert found(records, HistoryFilter(person=BEN)) == [2]


def test_the_derived_columns_are_no_part_of_the_record(records: Database) -> None:
    """Deciding changes nothing of what a record says."""
    store = EstimateStore(records)
    record = HistoryStore(records).some(HistoryFilter(number=1), "newest", 0, 1)[0].recorded.id
    before = describe(store.find(record))
    decide(records, 1, DecisionDraft("accept"))
    assert describe(store.find(record)) == before


def test_counting_ends_early(records: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several filters are counted at once, each up to the limit."""
    monkeypatch.setattr(history, "MOST_COUNTED", 3)
    asked = {
        "all": HistoryFilter(),
        "outside": HistoryFilter(verdict="outside"),
        "none": HistoryFilter(case="x"),
    }
    assert HistoryStore(records).counts(asked) == {"all": 3, "outside": 1, "none": 0}


def test_signs_of_patterns_are_plain_text(records: Database) -> None:
    """Percent sign, underscore and backslash are searched for as they are."""
    decide(records, 1, DecisionDraft("refer", note="50% of C:\\photos_old"))
    assert found(records, HistoryFilter(file="%_")) == [4]
    assert found(records, HistoryFilter(file="1_0")) == []
    assert found(records, HistoryFilter(note="0% OF c:\\PHOTOS_")) == [1]
    assert found(records, HistoryFilter(note="50_")) == []
    assert [case.reference for case in HistoryStore(records).cases(HistoryFilter(case="l_"), 9)] == ["L_2"]


def test_cases_are_listed_once(records: Database) -> None:
    """A case comes with the number of its records, the latest one first."""
    cases = HistoryStore(records).cases(HistoryFilter(case="L"), 9)
    assert [(case.reference, case.records) for case in cases] == [("L_2", 1), ("L-1", 2)]
    assert OriginStore(records).photos_of_cases(["L-1", "none"]) == {"L-1": 2}


def test_a_record_names_its_batch(database: Database) -> None:
    """Records of a batch lead to it; others are left out."""
    estimates = EstimateStore(database)
    batches = BatchStore(database, estimates)
    batches.add("c" * 32, "photos.zip", [NewPhoto("1.jpg")], ANNA, NOW)
    judged = batches.recorder("c" * 32, 0).record(RELIABLE)
    alone = estimates.record(RELIABLE)
    assert OriginStore(database).batches([judged.id, alone.id]) == {judged.id: BatchRef("c" * 32, 1)}


def test_a_period_is_summed_up(records: Database) -> None:
    """Volume, outcomes, mean age and decisions of a period; nothing of another one."""
    decide(records, 1, DecisionDraft("refer"))
    decide(records, 2, DecisionDraft("override", 58, "passport"))
    before = Period(NOW - timedelta(days=2), NOW - timedelta(days=1))
    volume, nothing = OverviewStore(records).volumes([DAY, before])
    assert (volume.estimates, volume.outside, volume.unreliable, volume.refused) == (5, 1, 1, 1)
    assert (volume.referred, volume.overridden) == (1, 1)
    assert volume.mean_age_years == pytest.approx(ESTIMATED.age_years)
    assert (nothing.estimates, nothing.mean_age_years) == (0, None)
    assert OverviewStore(records).answers(DAY, 2).outcomes == ("refused", "estimated")
    assert OverviewStore(records).database_bytes() > 10_000


def test_views_belong_to_one_person(database: Database) -> None:
    """A view is listed for its owner only, and only the owner deletes it."""
    views = SavedViewStore(database)
    view = views.add(ANNA, "Outside", {"verdict": "outside"})
    views.remove(BEN, view)
    assert views.of(BEN) == ()
    assert [(one.name, one.asked) for one in views.of(ANNA)] == [("Outside", {"verdict": "outside"})]
    views.remove(ANNA, view)
    assert views.of(ANNA) == ()


def test_names_and_number_of_views_are_limited(database: Database) -> None:
    """A second view of the same name, and one too many, are refused; another person may use the name."""
    views = SavedViewStore(database)
    views.add(ANNA, "view 0", {})
    views.add(BEN, "view 0", {})
    with pytest.raises(ViewRefused, match="already have"):
        views.add(ANNA, "view 0", {})
    for number in range(1, MOST_VIEWS):
        views.add(ANNA, f"view {number}", {})
    with pytest.raises(ViewRefused, match="up to"):
        views.add(ANNA, "one more", {})
