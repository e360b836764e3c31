from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.steps.explain import explain
from simsvc.values import Neighbour

LISTS = st.lists(
    st.builds(Neighbour, st.just("f"), st.floats(0, 120), st.floats(0.01, 2)), min_size=1, max_size=20
)


@given(st.floats(0, 120), LISTS)
def test_the_mean_is_numpys_weighted_average(age_years: float, neighbours: list[Neighbour]) -> None:
    """The neighbours' age is the average with weights 1 / distance."""
    explanation = explain(age_years, neighbours)
    assert explanation is not None
    weights = [1 / n.distance for n in neighbours]
    expected = np.average([n.age_years for n in neighbours], weights=weights)
    assert explanation.neighbours_age_years == pytest.approx(expected)


@given(st.floats(0, 120), LISTS)
def test_the_mean_lies_within_the_range(age_years: float, neighbours: list[Neighbour]) -> None:
    """Youngest <= mean <= oldest, and no more are close than there are."""
    found = explain(age_years, neighbours)
    assert found is not None
    assert found.youngest_years - 1e-6 <= found.neighbours_age_years <= found.oldest_years + 1e-6
    assert 0 <= found.close <= found.count == len(neighbours)


def test_a_twin_at_distance_zero_does_not_divide_by_zero() -> None:
    """A face equal to the query weighs much, but the others still count."""
    found = explain(40, [Neighbour("a", 40, 0.0), Neighbour("b", 80, 0.5)])
    assert found is not None
    assert 40 < found.neighbours_age_years < 41


def test_the_sentence_counts_the_close_ones() -> None:
    """The sentence says how many of how many lie within five years, with the range."""
    found = explain(40, [Neighbour("a", 45, 0.5), Neighbour("b", 45.1, 0.5), Neighbour("c", 38, 0.5)])
    assert found is not None
    assert "Of the 3 labelled faces" in found.sentence
    assert "2 are within 5 years" in found.sentence
    assert "from 38 to 45" in found.sentence


def test_without_neighbours_there_is_nothing_to_say() -> None:
    """No neighbours, no explanation."""
    assert explain(40, []) is None
