from __future__ import annotations

import numpy as np

from simsvc.engines.exact_index import ExactIndex
from simsvc.steps.recall import K, recall
from simsvc.values import FloatVector, LabelledFace, Neighbour

COUNT = 50


def rows() -> FloatVector:
    found = np.random.default_rng(3).normal(size=(COUNT, 6))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def exact(embeddings: FloatVector) -> ExactIndex:
    faces = [LabelledFace(f"f{place}", 30.0, "demo", str(place)) for place in range(len(embeddings))]
    return ExactIndex(faces, embeddings)


def test_brute_force_finds_everything() -> None:
    """The oracle's own recall is 1, over every face of a small build."""
    embeddings = rows()
    found = recall(embeddings, exact(embeddings).search)
    assert found is not None
    assert (found.k, found.queries, found.share) == (K, COUNT, 1.0)


def test_a_search_that_misses_every_third_is_found_out() -> None:
    """A search that leaves out one of three of the true nearest has a recall of two thirds."""
    embeddings = rows()
    index = exact(embeddings)

    def careless(query: FloatVector, k: int) -> tuple[Neighbour, ...]:
        near = index.search(query, COUNT)
        return tuple(one for place, one in enumerate(near[:k]) if place % 3) + near[-k // 3 :]

    found = recall(embeddings, careless)
    assert found is not None
    assert found.share == round(2 / 3, 4)


def test_a_small_build_is_asked_for_all_it_has() -> None:
    """Fewer faces than neighbours wanted are no miss, and no face is no figure."""
    embeddings = rows()[:5]
    found = recall(embeddings, exact(embeddings).search)
    assert found is not None
    assert (found.k, found.share) == (5, 1.0)
    assert recall(rows()[:0], exact(embeddings).search) is None
