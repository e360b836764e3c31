from __future__ import annotations

import numpy as np
import pytest

from simsvc.domain.estimate.age_distribution import (
    AGES,
    deviation_years,
    expected_years,
    point_years,
    quantile_years,
)
from tests.simsvc.domain.estimate.helpers import bump


def test_of_one_age() -> None:
    """With all of it on one age, mean and median are that age, and it lies evenly over its year."""
    shares = np.zeros(AGES)
    shares[30] = 1
    assert point_years(shares, "mean") == point_years(shares, "median") == 30
    assert (quantile_years(shares, 0.25), quantile_years(shares, 0.75)) == (29.75, 30.25)
    assert deviation_years(shares) == 0


def test_of_a_normal_distribution() -> None:
    """Its mean, deviation and quantiles are those of the textbook."""
    shares = bump(40, 5)
    assert expected_years(shares) == pytest.approx(40, abs=1e-6)
    assert deviation_years(shares) == pytest.approx(5, abs=1e-3)
    assert quantile_years(shares, 0.95) == pytest.approx(40 + 1.645 * 5, abs=0.05)
