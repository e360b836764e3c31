from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from simsvc.domain.model.shares import FEWEST, Outcome, bands, share


@given(st.integers(1, 500).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_the_interval_is_wilsons(counts: tuple[int, int]) -> None:
    """It is that of SciPy for any count."""
    count, total = counts
    found, expected = share(count, total), binomtest(count, total).proportion_ci(0.95, "wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_records_are_counted_in_the_band_of_their_age() -> None:
    """Both ends belong to a band, and bands without records are left out."""
    ages: list[tuple[int, Outcome]] = [(17, "estimated"), (18, "refused"), (29, "estimated")]
    found = bands([*ages, (70, "unreliable"), (101, "refused")])
    assert [(band.from_years, band.to_years, band.records) for band in found] == [
        (0, 17, 1),
        (18, 29, 2),
        (70, None, 2),
    ]


def test_a_band_of_few_records_has_no_shares() -> None:
    """One record fewer than enough is only counted."""
    refused: tuple[int, Outcome] = (40, "refused")
    (counted,), (only,) = bands([refused] * FEWEST), bands([refused] * (FEWEST - 1))
    assert counted.refused is not None
    assert counted.refused.value == 1.0
    assert (only.refused, only.unreliable) == (None, None)
