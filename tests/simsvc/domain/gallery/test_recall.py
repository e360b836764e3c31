from __future__ import annotations

import numpy as np
import pytest

from simsvc.domain.gallery.recall import K, Questions, Search, questions, recall
from simsvc.values import FloatVector, LabelledFace
from tests.simsvc.exact_index import ExactIndex

COUNT = 50


def rows(count: int = COUNT, dims: int = 6) -> FloatVector:
    found = np.random.default_rng(3).normal(size=(count, dims))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def exact(embeddings: FloatVector) -> Search:
    faces = [LabelledFace(f"f{place}", 30.0, "demo", str(place)) for place in range(len(embeddings))]
    index = ExactIndex(faces, embeddings)
    return lambda vector, k: [near.similarity for near in index.search(vector, k)]


def test_brute_force_finds_everything() -> None:
    """The oracle's own recall is 1 for either kind of questions, over every face of a small build."""
    embeddings = rows()
    found = recall(questions(embeddings), exact(embeddings))
    assert (found.k, found.queries, found.of_rows, found.of_others) == (K, COUNT, 1.0, 1.0)


def test_a_search_that_misses_every_fifth_is_found_out() -> None:
    """A search that leaves out one of five of the true nearest has a recall of four fifths."""
    embeddings = rows()
    whole = exact(embeddings)

    def careless(vector: FloatVector, k: int) -> list[float]:
        near = whole(vector, COUNT)
        return [one for place, one in enumerate(near[:k]) if place % 5] + list(near[-k // 5 :])

    found = recall(questions(embeddings), careless)
    assert (found.of_rows, found.of_others, found.share) == (0.8, 0.8, 0.8)


def test_a_small_build_is_asked_for_all_it_has() -> None:
    """Fewer faces than neighbours wanted are no miss, be it one face only."""
    for count in (5, 1):
        embeddings = rows(count)
        found = recall(questions(embeddings), exact(embeddings))
        assert (found.k, found.queries, found.share) == (count, count, 1.0)


def test_the_other_questions_lie_as_far_from_a_face_as_its_nearest() -> None:
    """They are no faces of the build: sideways by the own nearest neighbour's distance, to first order."""
    embeddings = rows(2_000, 64)
    asked: tuple[Questions, Questions] = questions(embeddings, 100)
    own = (asked[0].vectors * asked[1].vectors).sum(axis=1)
    places = np.linspace(0, 1_999, 100).round().astype(int)
    cosines = embeddings[places].astype(np.float64) @ embeddings.T
    cosines[np.arange(100), places] = -1
    ratio = np.tan(np.arccos(own)) / np.sqrt(2 - 2 * cosines.max(axis=1))
    assert ratio == pytest.approx(1.0, abs=0.6)
    assert np.median(ratio) == pytest.approx(1.0, abs=0.1)
