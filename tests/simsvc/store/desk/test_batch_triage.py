from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from simsvc.domain.desk.triage import TriagedPhoto, arranged
from simsvc.errors import BatchNotFound
from simsvc.messages import Message
from simsvc.store.database import Database
from simsvc.store.desk.batch_triage import BatchTriageStore
from simsvc.store.desk.batches import BatchStore
from simsvc.store.records.estimates import EstimateStore
from simsvc.store.reviews.decisions import DecisionStore
from simsvc.values import DecisionDraft, Declaration, Estimate, NewPhoto

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BATCH = "a" * 32
ESTIMATE = Estimate("a.jpg", "0" * 64, "estimated", age_years=30.0, interval_years=(25.0, 35.0), coverage=0.9)


def declared(years: int) -> Declaration:
    return Declaration("L-1", date(2000 - years, 1, 1), date(2000, 6, 1))


ESTIMATES = [
    replace(ESTIMATE, declared=declared(30), doubt=1.0),
    replace(ESTIMATE, declared=declared(50), doubt=1.5),
    replace(ESTIMATE, declared=declared(30), refer_reason=Message("The face is blurred.")),
    replace(ESTIMATE, doubt=2.0),
]


@pytest.fixture
def triage(database: Database) -> BatchTriageStore:
    """Keep a batch of five photos, of which the last one waits and the second one is decided on."""
    estimates = EstimateStore(database)
    batches = BatchStore(database, estimates)
    batches.add(BATCH, "a.zip", [NewPhoto(f"{n}.jpg", "L-1") for n in range(5)], "u1", NOW)
    for position, estimate in enumerate(ESTIMATES):
        recorded = batches.recorder(BATCH, position).record(estimate)
        if position == 1:
            draft = DecisionDraft("override", 45, "lines")
            DecisionStore(database).add(recorded.id, DecisionDraft("refer"), "u1", 0, NOW)
            DecisionStore(database).add(recorded.id, draft, "u2", 1, NOW)
    return BatchTriageStore(database)


def test_the_overview_has_what_sorting_needs(triage: BatchTriageStore) -> None:
    """Verdict, reliability, doubt and decision of every photo, as its record has them."""
    assert triage.overview(BATCH) == [
        TriagedPhoto(0, "reliable", "fits", 1.0, "L-1", is_recorded=True),
        TriagedPhoto(1, "reliable", "outside", 1.5, "L-1", is_recorded=True, is_decided=True),
        TriagedPhoto(2, "unreliable", "cannot_tell", None, "L-1", is_recorded=True),
        TriagedPhoto(3, "reliable", None, 2.0, "L-1", is_recorded=True),
        TriagedPhoto(4, "waiting", case="L-1"),
    ]


def test_rows_agree_with_the_overview(triage: BatchTriageStore) -> None:
    """Rows come in the order asked for, with the verdict of their record and the current decision."""
    photos = triage.overview(BATCH)
    rows = list(triage.rows(BATCH, [*arranged(photos), 99]))
    assert [row.photo.position for row in rows] == [1, 2, 3, 0, 4]
    assert [row.verdict for row in rows] == [photos[row.photo.position].verdict for row in rows]
    assert [row.declared_years for row in rows] == [50, 30, None, 30, None]
    assert rows[0].decision is not None
    assert (rows[0].decision.draft.kind, rows[0].decision.number) == ("override", 2)
    assert all(row.decision is None for row in rows[1:])


def test_a_photo_that_does_not_exist_is_not_found(triage: BatchTriageStore) -> None:
    """Neither beyond the end of a batch nor in another one."""
    for batch_id, position in ((BATCH, 5), ("b" * 32, 0)):
        with pytest.raises(BatchNotFound):
            triage.row(batch_id, position)
