from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.estimate.explain import apart_sentence, explain, explained
from simsvc.domain.estimate.interval import Band, Calibration
from simsvc.domain.estimate.rank import LeftOut
from simsvc.domain.estimate.rules import Rules
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
    assert "Of the 3 most similar reference faces" in str(found.sentence)
    assert "2 are within 5 years" in str(found.sentence)
    assert "from 38 to 45" in str(found.sentence)


@pytest.mark.parametrize(("mean_years", "said"), [(31.0, True), (27.6, False), (26.5, False), (25.9, True)])
def test_a_mean_apart_from_the_estimate_is_explained(mean_years: float, said: bool) -> None:
    """A difference of a year or more has a sentence with both figures; rounding has none."""
    estimate = Estimate("a.jpg", "0", "estimated", age_years=27.0, evidence=Evidence(mean_years, 1, 12))
    found = apart_sentence(estimate)
    assert (found is not None) == said
    if found is not None:
        assert f"The estimate (27) differs from the mean of these faces ({mean_years:.0f})" in str(found)


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
    assert str(answer.refer_reason) == "The face is blurred. Use a sharper photo."


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


def wide(from_years: float, to_years: float) -> Rules:
    """Return rules whose range of an estimate of 42 years runs from one age to another."""
    band = Band(0.0, from_years - 42.0, to_years - 42.0, 9)
    return Rules(Calibration("m", 0.9, "cd" * 32, "s", "valid", 9, (band,)))


@pytest.mark.parametrize(
    ("distance", "label", "refers"),
    [(0.3, 51.0, True), (0.3, 49.0, False), (0.3, 29.0, True), (0.9, 60.0, False), (0.9, 80.0, True)],
)
def test_neighbours_that_contradict_the_estimate_refer(distance: float, label: float, refers: bool) -> None:
    """Near faces must have a mean age within the range; the further away, the more they may lie outside."""
    near = tuple(Neighbour(f"f{n}", label, distance) for n in range(12))
    answer = explained(replace(SEEN, neighbours=near), near, None, wide(30.0, 50.0))
    assert ("neighbours_disagree" in answer.flags, answer.refer) == (refers, refers)
    if refers:
        assert "contradict the estimate" in str(answer.refer_reason)


@pytest.mark.parametrize(
    ("ages", "said"),
    [
        ((), "There is no reference face to compare this face with."),
        ((30,), "There is only one reference face to compare this face with (known age 30), too few"),
        ((30, 30), "There are only 2 reference faces to compare this face with (known ages 30), too few"),
        (
            (30, 90, 50, 60),
            "There are only 4 reference faces to compare this face with (known ages 30-90), too few",
        ),
    ],
)
def test_few_faces_are_said_to_be_few(ages: tuple[int, ...], said: str) -> None:
    """With up to four faces there is no mean, no spread and no referral, and the sentence says why."""
    near = tuple(Neighbour(f"f{n}", float(age), 0.1) for n, age in enumerate(ages))
    answer = explained(replace(SEEN, neighbours=near, quality=None), near, None, wide(30.0, 50.0))
    assert str(answer.sentence).startswith(said)
    assert (answer.evidence, answer.refer) == (None, False)
    assert "few_reference_faces" in answer.flags


def test_five_faces_are_not_few() -> None:
    """From five faces on they are weighed."""
    answer = explained(replace(SEEN, neighbours=NEAR[:5]), NEAR[:5], None, Rules())
    assert answer.evidence is not None
    assert "few_reference_faces" not in answer.flags


def test_what_was_left_out_is_said() -> None:
    """The judged photo with its labels, and contradictory labels, each in a sentence."""
    own = (Neighbour("o", 71.0, 0.0), Neighbour("p", 60.0, 0.0))
    torn = (Neighbour("t", 20.0, 0.2), Neighbour("u", 40.0, 0.2))
    answer = explained(SEEN, NEAR, None, Rules(), LeftOut(own, (torn,)))
    sentence = str(answer.sentence)
    assert "This photo is itself a reference face (known age 60-71), so it was left out" in sentence
    assert "conflicting ages (20-40), so it was left out" in sentence
    assert "photo_in_gallery" in answer.flags
    twice = str(explained(SEEN, NEAR, None, Rules(), LeftOut((), (torn, torn))).sentence)
    assert "2 photos appear several times among" in twice


def test_one_neighbour_that_was_asked_for_is_told_in_the_singular() -> None:
    """Where the operator wants one face shown, the sentence has one."""
    answer = explained(replace(SEEN, neighbours=NEAR[:1]), NEAR, None, Rules())
    assert str(answer.sentence) == "The most similar reference face has the known age 40."
