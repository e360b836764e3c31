from __future__ import annotations

import numpy as np
import pytest

from trainer.training.ensembles.mixture import measure


def _labels(count: int, low: float = 0, high: float = 90) -> np.ndarray:
    return np.random.default_rng(0).uniform(low, high, count)


def test_a_bias_is_taken_off() -> None:
    """A teacher that reads everyone ten years too old is corrected."""
    labels = _labels(2000, 20, 80)
    noise = np.random.default_rng(1).normal(0, 3, (2, 2000))
    found = measure(labels + noise + np.array([[10.0], [10.0]]), labels, np.full(2000, "a"))
    mixed = found.estimate(labels + noise + 10)
    assert abs(float((mixed - labels)[(labels > 30) & (labels < 70)].mean())) < 1.0


def test_the_better_teacher_counts_more() -> None:
    """Weights are in inverse proportion to squared errors, age by age."""
    labels = _labels(4000)
    random = np.random.default_rng(1)
    young = labels < 45
    first = labels + random.normal(0, 1, 4000) * np.where(young, 2, 8)
    second = labels + random.normal(0, 1, 4000) * np.where(young, 8, 2)
    found = measure(np.stack([first, second]), labels, np.full(4000, "a"))
    assert found.weights[:, 2] == pytest.approx([16 / 17, 1 / 17], abs=0.05)
    assert found.weights[:, 7] == pytest.approx([1 / 17, 16 / 17], abs=0.05)


def test_a_large_source_does_not_speak_for_small_ones() -> None:
    """Of a source with more faces than most, as many count as of the median source."""
    labels = np.full(5200, 50.0)
    sources = np.array(["large"] * 5000 + ["small"] * 100 + ["other"] * 100)
    off = np.where(sources == "large", 0.0, 6.0)
    found = measure((labels + off)[None], labels, sources)
    wanted = 0.8 * 6 / (1.2 + 0.2)  # 40, 40 and 40 faces at the knot of 50, and 20 without error
    assert found.bias_years[0, 5] == pytest.approx(wanted, abs=1e-6)


def test_distributions_sum_to_one_around_the_estimate() -> None:
    """A row is a Gaussian around the mixture's estimate, also at the ends of life."""
    labels = _labels(500)
    found = measure(labels[None], labels, np.full(500, "a"))
    shares = found.distributions(np.array([[0.0, 40.0, 99.0]]))
    assert shares.sum(axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    assert shares.argmax(axis=1).tolist() == [0, 40, 99]
