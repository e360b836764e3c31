"""Centres, codes and near items, held against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from simsvc.domain.gallery import partitioning
from simsvc.domain.gallery.partitioning import assigned, k_means, near_items, train
from tests.simsvc.adapters.index.helpers import clustered

ROWS = clustered(2_000, 16, seed=2)


def test_equal_rows_have_equal_centres_and_codes() -> None:
    """Nothing is drawn anew: a second training gives the same numbers to the bit."""
    one, two = (train(ROWS, k_means(ROWS, 12), 4) for _ in range(2))
    assert np.array_equal(one.centres, two.centres)
    assert np.array_equal(one.codebook, two.codebook)
    assert one.codebook.shape == (4, 256, 4)


def test_centres_lie_in_the_middle_of_their_rows() -> None:
    """After the rounds, rows are nearer to their centre than to where the rounds began."""
    centres = k_means(ROWS, 40)
    begun = ROWS[np.sort(np.random.default_rng(partitioning.SEED).permutation(len(ROWS))[:40])]

    def apart(places: np.ndarray) -> float:
        return float(np.linalg.norm(ROWS - places[assigned(ROWS, places)[:, 0]], axis=1).mean())

    assert apart(centres) < 0.9 * apart(begun)


def test_a_centre_without_rows_stays_where_it_is() -> None:
    """Of equal rows one centre takes all, and the others remain numbers."""
    centres = k_means(np.ones((300, 4), dtype=np.float32), 3)
    assert np.array_equal(centres, np.ones((3, 4), dtype=np.float32))


def test_rows_are_assigned_to_the_nearest_centres(monkeypatch: pytest.MonkeyPatch) -> None:
    """In blocks as at once: the two nearest of brute force, nearest first."""
    monkeypatch.setattr(partitioning, "ROWS_A_BLOCK", 300)
    centres = k_means(ROWS, 12)
    far = np.linalg.norm(ROWS[:, None, :] - centres[None], axis=2)
    assert np.array_equal(assigned(ROWS, centres, 2), np.argsort(far, axis=1)[:, :2])


def test_near_items_are_those_of_brute_force() -> None:
    """Within the distance, at most eight of an item, nearest first, and never the item itself."""
    farthest = 0.6
    found: dict[int, dict[int, float]] = {}
    for item, others, far in near_items(ROWS, ROWS[:1], farthest):
        assert far == sorted(far)
        found[item] = dict(zip(others, far, strict=True))
    apart = np.linalg.norm(ROWS[:, None, :].astype(np.float64) - ROWS[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    for item in range(len(ROWS)):
        expected = np.sort(apart[item][apart[item] <= farthest])[:8]
        assert sorted(found.get(item, {}).values()) == pytest.approx(expected.tolist(), abs=1e-3)


def test_a_partition_border_hides_few_near_items() -> None:
    """Looking into the two nearest partitions finds nearly every pair that all together have."""
    pairs = [
        {(item, other) for item, others, _ in near_items(ROWS, centres, 0.5) for other in others}
        for centres in (ROWS[:1], k_means(ROWS, 12))
    ]
    assert pairs[0]
    assert len(pairs[0] & pairs[1]) >= 0.99 * len(pairs[0])
