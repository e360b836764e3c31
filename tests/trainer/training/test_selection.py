from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.gallery.labels import GENDERS, GROUPS
from simsvc.errors import SettingsError
from trainer.datasets.formats.rows import Row
from trainer.datasets.near_duplicates import DuplicatePairs
from trainer.training.selection import cleaned, in_fold, loss_weights, one_hots, share


def pairs(*both: tuple[int, int]) -> DuplicatePairs:
    """Return near-duplicates."""
    first, second = np.array(both, dtype=np.int64).reshape(-1, 2).T
    return DuplicatePairs(first, second, np.ones(len(both), np.float32))


AGES = np.array([20, 21, 30, 40, 50, 51, 90, 33], dtype=np.float32)
EVERYONE = np.arange(8)


@pytest.mark.parametrize(
    ("near", "years", "gone"),
    [
        ([(0, 1)], 5, []),
        ([(0, 2)], 5, [0, 2]),
        ([(0, 2)], 10, []),
        ([(0, 2)], 0, []),
        ([(4, 5), (5, 6)], 5, [6]),
        ([(4, 6), (5, 6)], 5, [6]),
        ([(0, 2), (4, 5)], 5, [0, 2]),
        ([(0, 1), (3, 4), (1, 4)], 5, [0, 1, 3, 4]),
        ([], 5, []),
    ],
)
def test_cleaned(near: list[tuple[int, int]], years: float, gone: list[int]) -> None:
    """Two that contradict each other both go, of more those far from the median, in any order."""
    for order in (near, near[::-1]):
        kept = cleaned(EVERYONE, AGES, pairs(*order), years)
        assert sorted(set(range(8)) - set(kept.tolist())) == gone


def test_cleaned_keeps_to_the_positions() -> None:
    """Only positions that were there before are kept, in their order."""
    assert cleaned(np.array([1, 2, 5]), AGES, pairs((0, 2)), 5).tolist() == [1, 5]


@given(st.integers(0, 1000), st.floats(0.001, 1))
def test_share(seed: int, fraction: float) -> None:
    """A share has the right size, in order and without repetition, and a seed repeats it."""
    positions = np.arange(100, 350)
    some = share(positions, fraction, seed)
    assert len(some) == max(1, round(fraction * 250))
    assert np.isin(some, positions).all()
    assert (np.diff(some) > 0).all()
    assert np.array_equal(some, share(positions, fraction, seed))


def test_no_weights() -> None:
    """Without a balance nothing is weighed."""
    assert loss_weights(EVERYONE, AGES, [None] * 8, "none") is None


def test_weights_by_age() -> None:
    """An age four times as frequent weighs half, rare ages count as five, and the mean is 1."""
    ages = np.array([20.0] * 80 + [30.2] * 20 + [70.0] * 2 + [80.0], dtype=np.float32)
    positions = np.arange(103)
    weights = loss_weights(positions, ages, [None] * 103, "age")
    assert weights is not None
    assert weights.dtype == np.float32
    assert weights.mean() == pytest.approx(1, abs=1e-5)
    assert weights[80] / weights[0] == pytest.approx(2)
    assert weights[101] == weights[102] == pytest.approx(weights[0] * 4)


def test_weights_count_only_what_is_learnt_from() -> None:
    """Faces of other splits change no weight."""
    ages = np.array([20.0] * 40 + [30.0] * 10, dtype=np.float32)
    positions = np.r_[0:10, 40:50]
    weights = loss_weights(positions, ages, [None] * 50, "age")
    assert weights is not None
    assert weights[positions] == pytest.approx(np.ones(20))


def test_weights_by_decade_and_group() -> None:
    """A group rarer within its decade weighs more there, and only there; no group is a group of its own."""
    ages = np.array([20.0] * 90 + [25.0] * 10 + [40.0] * 50 + [41.0] * 50 + [22.0] * 10, dtype=np.float32)
    groups = ["white"] * 90 + ["black"] * 10 + ["white"] * 50 + ["black"] * 50 + [None] * 10
    weights = loss_weights(np.arange(210), ages, groups, "age_group")
    assert weights is not None
    assert weights[95] / weights[0] == pytest.approx(3)
    assert weights[100] == weights[199]
    assert weights[205] == weights[95]


def test_groups_are_needed() -> None:
    """Balancing by group needs a group."""
    with pytest.raises(SettingsError, match="group column"):
        loss_weights(EVERYONE, AGES, [None] * 8, "age_group")


def test_one_hots() -> None:
    """Gender first, then group, and zeros for what is not given."""
    rows = one_hots([GENDERS[1], None], [None, GROUPS[2]])
    assert rows.dtype == np.float32
    assert rows.tolist() == [[0, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0, 0]]


def test_folds_share_everyone_out() -> None:
    """Every face lies in one fold, each holds about a fourth, and those who belong together share one."""
    rows = [Row(Path("x"), 30.0, "utkface", f"{at}.jpg") for at in range(2000)]
    groups = np.arange(2000)
    groups[1000:1100] = np.arange(100)
    folds = np.array([in_fold(groups, rows, part, 4) for part in range(1, 5)])
    assert (folds.sum(axis=0) == 1).all()
    assert folds.mean(axis=1) == pytest.approx(0.25, abs=0.04)
    assert (folds[:, 1000:1100] == folds[:, :100]).all()
