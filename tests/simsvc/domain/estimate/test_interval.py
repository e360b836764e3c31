from __future__ import annotations

import copy
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.estimate.interval import Band, Calibration, interval, parse_calibration
from simsvc.errors import BundleDamaged
from tests.simsvc.domain.estimate.helpers import RAW, SHA

BANDS = st.lists(
    st.tuples(st.floats(0.5, 120), st.floats(-40, 0), st.floats(0, 40)), max_size=8, unique_by=lambda b: b[0]
)


def calibration(bands: list[tuple[float, float, float]]) -> Calibration:
    rows = [(0.0, -1.0, 1.0), *sorted(bands)]
    return Calibration("m", 0.9, SHA, "s", "valid", 9, tuple(Band(a, b, c, 1) for a, b, c in rows))


@given(BANDS, st.floats(0, 120))
def test_the_interval_is_that_of_the_last_band_begun(
    bands: list[tuple[float, float, float]], age_years: float
) -> None:
    """A plain walk over the bands finds the same interval, and it holds the estimate."""
    found = calibration(bands)
    last = [band for band in found.bands if band.from_years <= age_years][-1]
    low, high = interval(age_years, found)
    assert (low, high) == (max(0.0, age_years + last.below_years), age_years + last.above_years)
    assert 0 <= low <= age_years <= high


def test_a_band_begins_at_its_first_year() -> None:
    """At 20.0 the band from 20 on is in force, just below it the one before."""
    found = parse_calibration(RAW, SHA)
    assert interval(20.0, found) == (13.0, 28.5)
    assert interval(19.9, found) == pytest.approx((18.1, 23.0))


def test_no_interval_goes_below_birth() -> None:
    """The low end is never negative."""
    assert interval(1.0, parse_calibration(RAW, SHA)) == pytest.approx((0.0, 4.1))


def test_a_calibration_of_another_model_is_refused() -> None:
    """Intervals measured on another model say so and name the command."""
    with pytest.raises(BundleDamaged, match=r"different model.*trainer calibrate"):
        parse_calibration(RAW, "cd" * 32)


NONSENSE: list[tuple[str, object]] = [
    ("format", 2),
    ("method", None),
    ("coverage", 1.0),
    ("coverage", "0.9"),
    ("coverage", float("nan")),
    ("faces", 0),
    ("faces", 1.5),
    ("faces", True),
    ("bands", []),
    ("bands", None),
    ("bands", [{"from_years": 0.0}]),
    ("bands", [{"from_years": 5.0, "below_years": -1, "above_years": 1, "faces": 3}]),
    ("bands", [{"from_years": 0.0, "below_years": 2, "above_years": 1, "faces": 3}]),
    ("bands", [{"from_years": 0.0, "below_years": float("-inf"), "above_years": 1, "faces": 3}]),
    ("bands", [*RAW["bands"], RAW["bands"][1]]),
    ("bands", list(reversed(RAW["bands"]))),
]


@pytest.mark.parametrize(("key", "value"), NONSENSE)
def test_nonsense_is_refused_with_a_sentence(key: str, value: object) -> None:
    """An entry that cannot be right makes the bundle damaged, not the answer wrong."""
    with pytest.raises(BundleDamaged, match="calibration"):
        parse_calibration({**copy.deepcopy(RAW), key: value}, SHA)


@pytest.mark.parametrize("key", list(RAW))
def test_a_missing_key_is_refused(key: str) -> None:
    """Every key is needed."""
    with pytest.raises(BundleDamaged):
        parse_calibration({name: value for name, value in RAW.items() if name != key}, SHA)


@pytest.mark.parametrize("raw", [None, [], "x", 3])
def test_what_is_no_object_is_refused(raw: object) -> None:
    """Another kind of JSON value is no calibration."""
    with pytest.raises(BundleDamaged):
        parse_calibration(raw, SHA)


SCALED = {**RAW, "format": 2, "doubt_power": 0.5}


def test_ranges_grow_with_the_expected_error() -> None:
    """Both ends are multiplied by the square root of 1 + the expected error, and never by less than 1."""
    found = parse_calibration(SCALED, SHA)
    assert interval(20.0, found, math.log(4)) == pytest.approx((6.0, 37.0))
    assert interval(20.0, found, 0.0) == interval(20.0, found, -1.0) == (13.0, 28.5)


def test_a_scaled_range_needs_the_doubt_score() -> None:
    """Without it there is no range, rather than a wrong one."""
    with pytest.raises(ValueError, match="doubt"):
        interval(20.0, parse_calibration(SCALED, SHA))


@pytest.mark.parametrize("power", [-0.1, 2.5, "1", None, True])
def test_a_power_that_cannot_be(power: object) -> None:
    """It is refused when the model is loaded."""
    with pytest.raises(BundleDamaged):
        parse_calibration({**SCALED, "doubt_power": power}, SHA)
