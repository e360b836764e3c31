from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.estimate.age_distribution import AGES, point_years
from simsvc.domain.estimate.age_prior import estimate_under, parse_age_prior, reweighted, short_prior
from simsvc.errors import SettingsError
from tests.simsvc.domain.estimate.helpers import bump


def test_a_span_is_alike_inside_and_nothing_outside() -> None:
    """Every age from the first to the last has one weight, and no other has any."""
    prior = parse_age_prior(" 18 - 75 ")
    assert prior.text == str(prior) == "18-75"
    assert [age for age, weight in enumerate(prior.weights) if weight] == list(range(18, 76))
    assert set(prior.weights) == {0.0, 1.0}


@pytest.mark.parametrize("text", ["30:1, 20:3.50 ,25:0", "20 : 3.5; 30:1", "20:3.5\n30=1e0\r\n"])
def test_pairs_in_any_order_and_form(text: str) -> None:
    """Pairs are read from a line or from a file, and written one way."""
    prior = parse_age_prior(text)
    assert prior.text == "20:3.5,30:1.0"
    assert prior.weights[20] == 3.5
    assert sum(prior.weights) == 4.5
    assert prior.span_years == (20, 30)


@given(st.dictionaries(st.integers(0, 100), st.floats(1e-6, 1e6), min_size=1))
def test_its_text_gives_it_again(pairs: dict[int, float]) -> None:
    """What goes on record is enough to replay an estimate: read again, the text gives the same weights."""
    prior = parse_age_prior(",".join(f"{age}:{weight!r}" for age, weight in pairs.items()))
    again = parse_age_prior(prior.text)
    assert again == prior
    assert again.sha256 == prior.sha256


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("20:0, 30:0", "sum to nothing"),
        ("18-101", "within 0 to 100 years"),
        ("75-18", "from a lower to a higher age"),
        ("20:1, 101:2", "has the age 101"),
        ("20:1, 20:2", "has the age 20 twice"),
        ("20:-1", "is not valid at '20:-1'"),
        ("young", "is not valid at 'young'"),
        ("20", "is not valid at '20'"),
        ("20:1e400", "sum to no number"),
        (" , ", "is not valid at 'empty'"),
    ],
)
def test_what_is_no_prior_is_one_sentence(text: str, sentence: str) -> None:
    """Each mistake is named, with what to write instead."""
    with pytest.raises(SettingsError, match="SIMSVC_AGE_PRIOR") as refused:
        parse_age_prior(text)
    assert sentence in str(refused.value)


def test_bayes_by_hand() -> None:
    """The distribution is multiplied by the weights and divided by their sum."""
    shares = np.zeros(AGES, dtype=np.float32)
    shares[[20, 30]] = 0.8, 0.2
    found = reweighted(shares, parse_age_prior("20:1,30:8"))
    assert found[[20, 30]] == pytest.approx([1 / 3, 2 / 3])
    assert found.sum() == pytest.approx(1)
    assert estimate_under(shares, parse_age_prior("20:1,30:8"), "mean") == pytest.approx(80 / 3)


def test_equal_weights_change_nothing() -> None:
    """Under a prior by which all ages are alike, the estimate is the distribution's own."""
    shares, alike = bump(43.2, 5).astype(np.float32), parse_age_prior("0-100")
    for point in ("mean", "median"):
        own = point_years(shares.astype(np.float64), point)
        assert estimate_under(shares, alike, point) == pytest.approx(own, abs=0.02)


@given(st.floats(0, 100), st.sampled_from(["mean", "median"]))
def test_an_estimate_stays_within_the_prior(age_years: float, point: str) -> None:
    """Whatever the face, the estimate lies among the ages that have weight."""
    assert 18 <= estimate_under(bump(age_years, 2).astype(np.float32), parse_age_prior("18-75"), point) <= 75


def test_a_range_and_an_estimate_outside() -> None:
    """A range is cut to the ages that have weight, and an age far from them is not allowed."""
    prior = parse_age_prior("18-75")
    assert prior.within((10.0, 40.5)) == (18.0, 40.5)
    assert prior.within((70.0, 90.0)) == (70.0, 75.0)
    assert (prior.allows(17.6), prior.allows(12.0), prior.allows(80.0)) == (True, False, False)


def test_a_long_prior_is_shown_by_its_ends() -> None:
    """People see the first and the last pair of a long one, and a short one whole."""
    assert short_prior("18-75") == "18-75"
    long = ",".join(f"{age}:1.0" for age in range(20, 60))
    assert short_prior(long) == "20:1.0,...,59:1.0"
