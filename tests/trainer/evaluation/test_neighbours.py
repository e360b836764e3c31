from __future__ import annotations

import numpy as np
import pytest

from trainer.evaluation.neighbours import Found, Traits, judged, nearest


def unit(count: int, seed: int) -> np.ndarray:
    """Return random unit vectors."""
    x = np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_nearest_is_exhaustive_search() -> None:
    """The neighbours are those of sorting all distances, over blocks, without the query's own group."""
    queries, gallery = unit(600, 0), unit(150, 1)
    own, groups = np.arange(600) % 75, np.arange(150) % 75
    found = nearest(queries, gallery, own, groups, 7)
    for at in (0, 255, 256, 599):
        distances = np.linalg.norm(gallery - queries[at], axis=1)
        distances[groups == own[at]] = np.inf
        wanted = np.argsort(distances)[:7]
        assert found.positions[at].tolist() == wanted.tolist()
        assert found.distances[at] == pytest.approx(distances[wanted], abs=1e-3)


def test_figures_by_hand() -> None:
    """Gaps, weighted mean, agreement and warning are those computed by hand."""
    gallery = Traits(
        np.array([20, 30, 40, 80], np.float32),
        np.array(["male", "female", "male", ""]),
        np.array(["white"] * 4),
    )
    queries = Traits(np.array([22, 50], np.float32), np.array(["male", "male"]), np.array(["white", ""]))
    found = Found(np.array([[0, 1], [2, 3]]), np.array([[0.5, 1.0], [1.0, 1.0]], np.float32))
    figures = judged(found, queries, gallery, np.array([1.0, -9.0]))
    assert figures.age_gap_years == pytest.approx((2 + 8 + 10 + 30) / 4)
    assert figures.mae_years == pytest.approx((abs(70 / 3 - 22) + 10) / 2)
    assert figures.gender == pytest.approx(2 / 3)
    assert figures.group == 1
    assert figures.warning == pytest.approx(1)


def test_no_labels_no_figure() -> None:
    """Without genders, groups or spread there is no figure, and JSON gets null."""
    blank = Traits(np.array([30, 30], np.float32), np.array(["", ""]), np.array(["", ""]))
    found = Found(np.array([[0, 1], [1, 0]]), np.ones((2, 2), np.float32))
    kept = judged(found, blank, blank, np.array([1.0, 2.0])).as_dict()
    assert kept["gender"] is kept["group"] is kept["warning"] is None
    assert kept["mae_years"] == 0
