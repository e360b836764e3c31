from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.steps.explain import explain, explained
from simsvc.steps.interval import Band, Calibration
from simsvc.steps.rules import Rules
from simsvc.values import Estimate, Evidence, Neighbour, Quality, SupportScale

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


NEAR = tuple(Neighbour(f"f{n}", 40.0 + n, 0.2 + 0.01 * n) for n in range(12))
SEEN = Estimate(
    "me.jpg",
    "ab" * 32,
    "estimated",
    age_years=42.0,
    neighbours=NEAR,
    flags=("other_faces_behind",),
    quality=Quality(5.0, 120.0, 0.0, 0.0, 200.0),
)
RULES = Rules(
    Calibration("m", 0.9, "cd" * 32, "s", "valid", 9, (Band(0.0, -5.0, 7.0, 9),)),
    {"sharpness_at_least": 30.0},
    ("blurred",),
)


def scale(distance: float) -> SupportScale:
    return SupportScale(10, tuple(distance * (1 + n / 1000) for n in range(101)))


def test_an_estimate_is_answered_with_all_that_is_known() -> None:
    """Interval, coverage, evidence, support, flags and referral each have their own field."""
    answer = explained(SEEN, NEAR, scale(0.5), RULES)
    assert (answer.interval_years, answer.coverage, answer.support) == ((37.0, 49.0), 0.9, 1.0)
    weights = [1 / near.distance for near in NEAR]
    mean = np.average([near.age_years for near in NEAR], weights=weights)
    assert answer.evidence == Evidence(pytest.approx(mean), 8, 12)
    assert answer.flags == ("other_faces_behind", "blurred")
    assert answer.refer
    assert answer.refer_reason == "The face is blurred. Use a sharper photo."


def test_without_rules_and_scale_nothing_is_made_up() -> None:
    """A model without calibration and an index without a scale give no interval, support or referral."""
    answer = explained(SEEN, NEAR, None, Rules())
    assert (answer.interval_years, answer.coverage, answer.support) == (None, None, None)
    assert (answer.flags, answer.refer) == (("other_faces_behind",), False)
    assert answer.evidence is not None


def test_a_face_farther_than_nearly_all_of_the_gallery_is_flagged() -> None:
    """The tenth neighbour farther than 99 percent of the gallery's own are: unlike the gallery."""
    assert "unlike_the_gallery" in explained(SEEN, NEAR, scale(0.2), Rules()).flags
    assert "unlike_the_gallery" not in explained(SEEN, NEAR, scale(0.28), Rules()).flags


def test_support_counts_what_was_found_not_what_is_shown() -> None:
    """With few faces shown, the tenth of all found still measures the support."""
    few = SEEN.__class__("x", "y", "estimated", age_years=42.0, neighbours=NEAR[:3])
    assert explained(few, NEAR, scale(0.5), Rules()).support == 1.0


def test_two_levels_of_one_measure() -> None:
    """Between the bounds a face is flagged and its estimate stands; beyond both it is referred."""
    for least, referred in ((4.0, False), (6.0, True)):
        rules = Rules(thresholds={"sharpness_at_least": 30.0}, withhold_beyond={"sharpness_at_least": least})
        answer = explained(SEEN, NEAR, None, rules)
        assert answer.flags == ("other_faces_behind", "blurred")
        assert answer.refer is referred


def test_little_support_refers_where_the_model_says_so() -> None:
    """Support below the model's own bound is a reason to refer, and is flagged even where it is no rarity."""
    answer = explained(SEEN, NEAR, scale(0.28), Rules(withhold_beyond={"support_at_least": 0.99}))
    assert answer.support is not None
    assert 0.01 < answer.support < 0.99
    assert answer.flags == ("other_faces_behind", "unlike_the_gallery")
    assert answer.refer
