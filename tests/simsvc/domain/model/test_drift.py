from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.model.drift import LEAST, age_stability, energy_distance, outcome_stability

RANDOM = np.random.default_rng(7)


def embeddings(count: int, centre: float) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    rows = RANDOM.normal(size=(count, 8)) + centre
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@given(st.lists(st.floats(0, 120), min_size=LEAST, max_size=60))
def test_a_period_compared_with_itself_is_stable(ages: list[float]) -> None:
    """Whatever the ages, the index is 0 and each period's shares sum to 1."""
    found = age_stability(ages, ages)
    assert found is not None
    assert found.psi == pytest.approx(0)
    assert sum(share.reference for share in found.shares) == pytest.approx(1)


def test_the_index_is_that_of_its_definition() -> None:
    """Two outcomes at 50:50 and then 75:25 give the sum of (q - p) ln(q / p), but for the halves."""
    found = outcome_stability(["a"] * 5000 + ["b"] * 5000, ["a"] * 7500 + ["b"] * 2500)
    assert found is not None
    assert found.psi == pytest.approx(0.25 * np.log(1.5) - 0.25 * np.log(0.5), rel=1e-3)
    assert [(share.reference, share.current) for share in found.shares] == [(0.5, 0.75), (0.5, 0.25)]


def test_chance_rarely_exceeds_the_critical_value() -> None:
    """Of 400 pairs of samples of one distribution, about 5 in 100 exceed it: between 2 and 9."""
    exceeded = 0
    for _ in range(400):
        found = age_stability(RANDOM.normal(40, 12, 600).tolist(), RANDOM.normal(40, 12, 400).tolist())
        assert found is not None
        exceeded += found.psi > found.critical
    assert 8 <= exceeded <= 36


def test_older_people_are_drift() -> None:
    """Ages ten years higher exceed the critical value by far."""
    ages = RANDOM.normal(40, 12, 500)
    found = age_stability(ages.tolist(), (ages + 10).tolist())
    assert found is not None
    assert found.psi > 5 * found.critical


def test_an_outcome_that_was_never_there_is_drift() -> None:
    """A new refusal code has a share of 0 in the reference and makes the index large, not infinite."""
    found = outcome_stability(["estimated"] * 100, ["estimated"] * 80 + ["no_face"] * 20)
    assert found is not None
    assert found.critical < found.psi < 10


def test_embeddings_of_one_distribution_are_not_far_apart() -> None:
    """Two samples of one cloud have a small distance and no small p-value; another cloud has."""
    alike = energy_distance(embeddings(80, 0.0), embeddings(60, 0.0))
    apart = energy_distance(embeddings(80, 0.0), embeddings(60, 1.0))
    assert alike is not None
    assert apart is not None
    assert alike.p_value > 0.01
    assert apart.p_value == pytest.approx(0.005)
    assert apart.energy > 10 * alike.energy >= 0


def test_the_energy_distance_is_that_of_its_definition() -> None:
    """It is 2 E|X-Y| - E|X-X'| - E|Y-Y'|, taken over all pairs."""
    x, y = embeddings(25, 0.0), embeddings(30, 0.3)
    mean = [np.linalg.norm(a[:, None] - b[None], axis=2).mean() for a, b in ((x, y), (x, x), (y, y))]
    found = energy_distance(x, y)
    assert found is not None
    assert found.energy == pytest.approx(2 * mean[0] - mean[1] - mean[2], abs=1e-6)


def test_too_few_values_say_nothing() -> None:
    """Fewer than twenty in either period give no figure rather than an odd one."""
    few, many = [30.0] * (LEAST - 1), [30.0] * LEAST
    assert age_stability(few, many) is None
    assert outcome_stability(["a"] * LEAST, []) is None
    assert energy_distance(embeddings(LEAST, 0.0), embeddings(LEAST - 1, 0.0)) is None
