from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from simsvc.store.database import Database
from simsvc.store.desk.cases import CaseStore
from simsvc.store.records.estimates import EstimateStore
from simsvc.store.reviews.decisions import DecisionStore
from simsvc.values import DecisionDraft, Declaration, Estimate
from tests.simsvc.store.helpers import ESTIMATED

NOW = datetime(2026, 11, 29, tzinfo=UTC)
FACE = np.array([1, 0, 0], dtype=np.float32)


@pytest.fixture
def cases(database: Database) -> CaseStore:
    return CaseStore(database)


def photo(case: str | None, sha256: str = "ab" * 32) -> Estimate:
    return replace(ESTIMATED, photo_sha256=sha256, declared=Declaration(case), embedding=FACE)


def test_uploads_of_a_photo_are_found_in_every_case(database: Database, cases: CaseStore) -> None:
    """The same photo is found with its cases, oldest first, and another photo is not."""
    estimates = EstimateStore(database)
    made = [estimates.record(photo(case)) for case in ("A", "B", None)]
    estimates.record(photo("A", "cd" * 32))
    found = cases.uploads(["ab" * 32])
    assert [(upload.public_id, upload.case) for upload in found] == [
        (made[0].id, "A"),
        (made[1].id, "B"),
        (made[2].id, None),
    ]
    assert cases.uploads([]) == ()


def test_decisions_and_events_of_several_records_are_read_at_once(
    database: Database, cases: CaseStore
) -> None:
    """Decisions are by record, the current one first; events are of these records only, oldest first."""
    estimates, decisions = EstimateStore(database), DecisionStore(database)
    first, second, other = (estimates.record(photo("A")) for _ in range(3))
    for after, record in ((0, first), (1, first), (0, other)):
        decisions.add(record.id, DecisionDraft("refer", note=str(after)), "0" * 32, after, NOW)
    found = cases.decisions([first.id, second.id])
    assert [made.number for made in found[first.id]] == [2, 1]
    assert second.id not in found
    events = cases.events([first.id, second.id])
    assert [logged.event.kind for logged in events] == ["estimate", "estimate", "decision", "decision"]
    assert all(logged.content for logged in events)


def test_embeddings_are_those_of_one_model(database: Database, cases: CaseStore) -> None:
    """A record of another model has none, so that numbers of two models are never compared."""
    estimates = EstimateStore(database)
    mine = estimates.record(photo("A"))
    other = estimates.record(replace(photo("A"), model_sha256="ef" * 32))
    found = cases.embeddings([mine.id, other.id], "cd" * 32)
    assert list(found) == [mine.id]
    assert found[mine.id].tolist() == FACE.tolist()
