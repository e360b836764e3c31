"""Mean, quantiles and spread of a distribution over ages 0 to 100."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

AGES = 101
"""Whole years from 0 to 100. Source: DEX, Rothe et al., IJCV 2018, section 3.2."""
POINTS = ("mean", "median")
Shares = NDArray[np.float64]
"""float64 (AGES,), summing to 1; each share is spread evenly over the year around its age."""

_YEARS = np.arange(AGES, dtype=np.float64)


def point_years(shares: Shares, point: str) -> float:
    """Return the "mean" or "median", as `arch.point` of model.json says, of a distribution, in years."""
    return expected_years(shares) if point == "mean" else max(0.0, quantile_years(shares, 0.5))


def expected_years(shares: Shares) -> float:
    """Return the expected value in years."""
    return float(shares @ _YEARS)


def deviation_years(shares: Shares) -> float:
    """Return the standard deviation in years."""
    variance = float(shares @ (_YEARS - expected_years(shares)) ** 2)
    return float(np.sqrt(max(0.0, variance)))


def quantile_years(shares: Shares, share: float) -> float:
    """Return the age in years, -0.5 to 100.5, below which this share of the distribution is."""
    upto = np.concatenate([[0.0], np.cumsum(shares)])
    return float(np.interp(share * upto[-1], upto, np.arange(AGES + 1) - 0.5))
