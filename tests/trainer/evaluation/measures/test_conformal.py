from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from simsvc.domain.estimate.interval import Band, Calibration, interval
from trainer.evaluation.measures import conformal


def people(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return estimates and labels whose errors grow with age and lean to one side."""
    random = np.random.default_rng(seed)
    labels = random.gamma(4.0, 9.0, count).clip(0, 110)
    errors = random.exponential(1 + labels / 10) - (1 + labels / 10) / 2
    return np.maximum(0, labels + errors), labels


@given(st.lists(st.floats(-50, 50), min_size=19, max_size=300), st.sampled_from([0.5, 0.8, 0.9]))
def test_tails_are_the_finite_sample_quantiles(errors: list[float], coverage: float) -> None:
    """The ends are the ceil((n + 1)(1 - tail))-th smallest error, from below and from above."""
    rank = math.ceil(round((len(errors) + 1) * (1 + coverage) / 2, 9))
    below, above = conformal.tails(np.array(errors), coverage)
    assert above == sorted(errors)[rank - 1]
    assert below == sorted(errors, reverse=True)[rank - 1]


def test_tails_need_enough_errors() -> None:
    """18 errors cannot leave out a tail of 5%, 19 can: their extremes."""
    with pytest.raises(ValueError, match="18 errors are too few"):
        conformal.tails(np.arange(18.0), 0.9)
    assert conformal.tails(np.arange(19.0), 0.9) == (0.0, 18.0)


def test_whole_weights_are_repetitions() -> None:
    """With many errors, a weight of 3 moves the ends as three copies of the error do."""
    random = np.random.default_rng(1)
    errors = np.sort(random.normal(0, 5, 2000))
    weights = random.integers(1, 4, 2000)
    repeated = conformal.tails(np.repeat(errors, weights), 0.9)
    assert conformal.tails(errors, 0.9, weights.astype(float)) == pytest.approx(repeated, abs=0.05)


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_exchangeable_errors_are_covered(coverage: float) -> None:
    """Over many draws the mean coverage of faces to come is at least nominal, and hardly more."""
    random = np.random.default_rng(0)
    shares = []
    for _ in range(800):
        drawn = random.gumbel(1.0, 4.0, 160)
        below, above = conformal.tails(drawn[:60], coverage)
        shares.append(float(((below <= drawn[60:]) & (drawn[60:] <= above)).mean()))
    spread = np.std(shares) / math.sqrt(len(shares))
    assert np.mean(shares) > coverage - 3 * spread
    assert np.mean(shares) < coverage + 2 / 61 + 3 * spread


def test_least_faces() -> None:
    """A band of the least number of faces attains 86% in nine cases of ten, by the Beta distribution."""
    count = conformal.LEAST_FACES
    outside = 2 * (count + 1 - math.ceil(round((count + 1) * 0.95, 9)))
    assert beta.sf(0.86, count + 1 - outside, outside) > 0.9


@given(st.integers(0, 2**31), st.integers(100, 3000), st.integers(20, 100))
def test_every_band_has_enough_faces(seed: int, count: int, least: int) -> None:
    """Bands begin at 0, ascend by whole steps and hold at least the faces asked for, all of them together."""
    estimates, labels = people(count, seed)
    made = conformal.bands(estimates, labels, None, least_faces=least)
    starts = [band.from_years for band in made]
    assert starts[0] == 0
    assert all(start % conformal.STEP_YEARS == 0 for start in starts)
    assert starts == sorted(set(starts))
    assert min(band.faces for band in made) >= least
    assert sum(band.faces for band in made) == count


def test_bands_cover_faces_to_come() -> None:
    """Bands follow errors that grow with age: each covers the faces to come, lopsided as the errors are."""
    estimates, labels = people(8000, 1)
    made = conformal.bands(estimates, labels, None)
    calibration = Calibration("m", 0.9, "s", "u", "valid", 8000, made)
    fresh, wanted = people(20000, 2)
    ends = np.array([interval(float(age), calibration) for age in fresh])
    inside = conformal.covered(ends, wanted)
    assert 0.89 < inside.mean() < 0.915
    for low, high in ((0, 20), (20, 40), (40, 60), (60, 200)):
        part = (fresh >= low) & (fresh < high)
        assert inside[part].mean() > 0.88
    assert made[-1].above_years - made[-1].below_years > 2 * (made[0].above_years - made[0].below_years)
    assert abs(made[-1].below_years) > 1.5 * made[-1].above_years


def test_a_rare_decade_is_seen_to() -> None:
    """Teenagers estimated like the many in their twenties are missed, unless their decade is asked for."""
    random = np.random.default_rng(4)
    labels = np.concatenate([random.uniform(20, 30, 3000), random.uniform(10, 20, 200)])
    estimates = np.concatenate([labels[:3000] + random.normal(0, 3, 3000), random.normal(23, 3, 200)])
    shares = []
    for asked in (None, 0.9):
        calibration = Calibration("m", 0.9, "s", "u", "v", 3200, conformal.bands(estimates, labels, asked))
        ends = np.array([interval(float(age), calibration) for age in estimates])
        inside = conformal.covered(ends, labels)
        shares.append((float(inside[labels < 20].mean()), float(inside.mean())))
    (plain, _), (seen_to, everyone) = shares
    assert plain < 0.75
    assert seen_to >= 0.9
    assert everyone >= 0.9


def test_rounding_never_narrows() -> None:
    """Stored ends have two decimals and lie outside the ones that were found."""
    estimates, labels = people(300, 3)
    (band,) = conformal.bands(estimates, labels, None, least_faces=300)
    below, above = conformal.tails(labels - estimates, 0.9)
    assert band.below_years <= below <= band.below_years + 0.01
    assert band.above_years - 0.01 <= above <= band.above_years


def test_too_few_faces() -> None:
    """Fewer faces than one band needs are refused."""
    with pytest.raises(ValueError, match="99 faces are too few"):
        conformal.bands(*people(99, 0))


def strangers(bias: float, count: int = 200, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return estimates and labels of people whom a model reads too old, and with larger errors."""
    random = np.random.default_rng(seed)
    labels = random.uniform(20, 70, count)
    return labels + bias + random.normal(0, 7, count), labels


def test_ranges_hold_on_the_source_that_is_known_least() -> None:
    """A source with larger errors of its own is covered as stated, where bands without it fail."""
    estimates, labels = people(3000, 1)
    far, far_labels = strangers(6.0)
    sources = np.array(["home"] * 3000 + ["far"] * 200)
    every, every_labels = np.concatenate([estimates, far]), np.concatenate([labels, far_labels])

    def held(bands: tuple[Band, ...]) -> float:
        calibration = Calibration("", 0.9, "", "", "", 1, bands)
        ends = np.array([interval(float(age), calibration) for age in far])
        return float(conformal.covered(ends, far_labels).mean())

    assert held(conformal.bands(estimates, labels)) < 0.8
    assert held(conformal.bands_over_sources(every, every_labels, sources)) >= conformal.SOURCE_COVERAGE


def test_ranges_over_sources_are_never_narrower() -> None:
    """A source with smaller errors narrows nothing."""
    estimates, labels = people(3000, 1)
    near = np.linspace(20, 60, 300)
    sources = np.array(["home"] * 3000 + ["near"] * 300)
    plain = conformal.bands(estimates, labels)
    wide = conformal.bands_over_sources(
        np.concatenate([estimates, near]), np.concatenate([labels, near]), sources
    )
    assert [band.from_years for band in wide] == [band.from_years for band in plain]
    assert all(
        w.below_years <= p.below_years and w.above_years >= p.above_years
        for w, p in zip(wide, plain, strict=True)
    )


def test_scaled_ranges_are_wide_where_large_errors_are_expected() -> None:
    """Half of the faces err three times as much as the rest; both halves are covered alike."""
    random = np.random.default_rng(5)
    labels = random.uniform(20, 70, 4000)
    scales = np.where(np.arange(4000) % 2, 3.0, 1.0)
    estimates = labels + scales * random.normal(0, 2, 4000)
    band = conformal.scaled_over_sources(estimates, labels, np.array(["home"] * 4000), scales)
    low, high = estimates + scales * band.below_years, estimates + scales * band.above_years
    inside = (low <= labels) & (labels <= high)
    for scale in (1.0, 3.0):
        assert 0.87 < inside[scales == scale].mean() < 0.95


def test_scaled_ranges_hold_on_the_source_that_is_known_least() -> None:
    """A source with errors that nothing foretells is covered as stated."""
    estimates, labels = people(3000, 1)
    far, far_labels = strangers(6.0)
    sources = np.array(["home"] * 3000 + ["far"] * 200)
    every, every_labels = np.concatenate([estimates, far]), np.concatenate([labels, far_labels])
    band = conformal.scaled_over_sources(every, every_labels, sources, np.ones(3200))
    inside = (far + band.below_years <= far_labels) & (far_labels <= far + band.above_years)
    assert inside.mean() >= conformal.SOURCE_COVERAGE
