"""Search among some of the faces, held against brute force."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simsvc.adapters.index.engines.annoy_index import EVERY_LEAF
from simsvc.adapters.index.engines.built_index import BuiltIndex
from simsvc.adapters.index.engines.chosen import open_index
from simsvc.adapters.index.live_index import LiveIndex
from simsvc.domain.gallery.face_changes import ChangeSet, LiveFace, changes_of
from simsvc.values import FaceFilter, LabelledFace, Neighbour
from tests.simsvc.adapters.index.helpers import (
    AGES,
    DIMS,
    FACES,
    MODEL,
    VECTORS,
    Vectors,
    clustered,
)
from tests.simsvc.exact_index import ExactIndex

K = 10
QUESTIONS = clustered(60, DIMS, seed=3)
FILTERS = {
    "most": FaceFilter(frozenset({"common"})),
    "a tenth": FaceFilter(frozenset({"rare"})),
    "an age range": FaceFilter(ages_years=(55.0, 65.0)),
    "far ages": FaceFilter(ages_years=(90.0, 130.0)),
    "both": FaceFilter(frozenset({"rare"}), (30.0, 50.0)),
    "none": FaceFilter(frozenset({"unheard of"})),
    "hardly any": FaceFilter(ages_years=(0.0, float(np.sort(AGES)[4]))),
}


@pytest.fixture(scope="module")
def index(large_build: Path) -> BuiltIndex:
    return open_index(large_build, MODEL)


def share_found(found: list[tuple[Neighbour, ...]], truth: list[tuple[Neighbour, ...]]) -> float:
    pairs = list(zip(found, truth, strict=True))
    hits = sum(len({n.face_id for n in one} & {n.face_id for n in true}) for one, true in pairs)
    return hits / max(1, sum(len(true) for true in truth))


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_costs_no_recall(index: BuiltIndex, name: str) -> None:
    """Whatever share of the faces pass, near or far: as many as asked for, 98 of 100 the true ones."""
    wanted, exact = FILTERS[name], ExactIndex(FACES, VECTORS)
    truth = [exact.search(row, K, wanted) for row in QUESTIONS]
    found = [index.search(row, K, wanted) for row in QUESTIONS]
    assert [len(one) for one in found] == [len(one) for one in truth]
    assert share_found(found, truth) >= 0.98 or not truth[0]
    for one, true in zip(found, truth, strict=True):
        assert [n.distance for n in one] == sorted(n.distance for n in one)
        known = {n.face_id: n for n in true}
        for near in one:
            if near.face_id in known:
                assert near.distance == pytest.approx(known[near.face_id].distance, abs=1e-5)
                assert near.age_years == known[near.face_id].age_years


def removed_around(rows: Vectors, each: int) -> frozenset[str]:
    """Return the ids of the nearest faces of every question."""
    exact = ExactIndex(FACES, VECTORS)
    return frozenset(near.face_id for row in rows for near in exact.search(row, each))


@pytest.mark.parametrize("each", [12, 90])
def test_erased_faces_cost_no_recall(index: BuiltIndex, each: int) -> None:
    """With every question's nearest faces erased, the next ones are found as well as any."""
    gone = removed_around(QUESTIONS, each)
    assert index.count - len(gone) > EVERY_LEAF
    live = LiveIndex(index, changes_of([ChangeSet(erased=gone)]))
    left = [item for item, face in enumerate(FACES) if face.face_id not in gone]
    exact = ExactIndex([FACES[item] for item in left], VECTORS[left])
    found = [live.search(row, K) for row in QUESTIONS]
    assert not gone & {near.face_id for one in found for near in one}
    assert share_found(found, [exact.search(row, K) for row in QUESTIONS]) >= 0.98
    assert live.count == len(left)


def test_a_filter_takes_labels_as_they_are_now(index: BuiltIndex) -> None:
    """A relabelled face passes by its new age, an added one by its own, a removed one never."""
    fresh = LiveFace(LabelledFace("n1", 3.0, "clinic", "n.png"), "demo", MODEL, VECTORS[9], b"x")
    changes = changes_of(
        [
            ChangeSet(added=(fresh,)),
            ChangeSet(ages_years={"f00007": 2.0, "f00008": 1.0}),
            ChangeSet(removed=frozenset({"f00008"})),
        ]
    )
    found = LiveIndex(index, changes).search(VECTORS[7], K, FaceFilter(ages_years=(0.5, 3.5)))
    ages = {near.face_id: near.age_years for near in found}
    others = {face.face_id for face in FACES if 0.5 <= face.age_years <= 3.5} - {"f00007", "f00008"}
    assert ages["f00007"] == 2.0
    assert ages["n1"] == 3.0
    assert set(ages) - {"f00007", "n1"} <= others
    assert [
        n.face_id for n in LiveIndex(index, changes).search(VECTORS[7], 3, FaceFilter(frozenset({"clinic"})))
    ] == ["n1"]
