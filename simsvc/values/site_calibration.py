"""Site calibration: frozen dataclasses that validate themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Method = Literal["none", "curve", "local", "curve+local"]
METHODS: tuple[Method, ...] = get_args(Method)
"""Simplest first."""
Reason = Literal[
    "composites", "few_faces", "one_person", "few_persons", "one_age", "training", "no_gain", "age_prior"
]
"""Why there is no correction; "age_prior" applies to single estimates only."""
REASONS: tuple[Reason, ...] = get_args(Reason)
Floats = NDArray[np.float64]

COVERAGE = 0.9
"""As in the ranges of shipped models."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Offsets added to estimates, linear between ascending knots, three or more; 0 at and beyond the ends."""

    knots_years: tuple[float, ...]
    offsets_years: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.knots_years) != len(self.offsets_years) or len(self.knots_years) < 3:
            raise ValueError("a curve has as many offsets as knots, at least three")
        if any(a >= b for a, b in pairwise(self.knots_years)):
            raise ValueError(f"knots ascend, unlike {self.knots_years}")
        if not all(map(math.isfinite, (*self.knots_years, *self.offsets_years))):
            raise ValueError("knots and offsets are finite")

    def at(self, estimates_years: Floats) -> Floats:
        """Return the offsets for estimates, years, same shape."""
        return np.interp(estimates_years, self.knots_years, self.offsets_years, left=0.0, right=0.0)

    def cover(self, estimates_years: Floats) -> Floats:
        """Return how well the reference faces cover estimates, 0..1; 0 beyond their range."""
        low, high = self.knots_years[:2], self.knots_years[-2:]
        if low[1] == high[0]:  # with three knots, only the middle one is fully covered
            return np.interp(estimates_years, (*low, high[1]), (0.0, 1.0, 0.0), left=0.0, right=0.0)
        return np.interp(estimates_years, (*low, *high), (0.0, 1.0, 1.0, 0.0), left=0.0, right=0.0)


@dataclass(frozen=True, slots=True)
class Score:
    """Errors of estimates of reference faces, each made without the same person.

    Attributes:
        mae_years: mean absolute error.
        bias_years: mean of estimate less known age.
        coverage: share of known ages within the range, or None without a range.
    """

    faces: int
    mae_years: float
    bias_years: float
    coverage: float | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """Cross-validation score of one method."""

    method: Method
    score: Score


@dataclass(frozen=True, slots=True)
class Decade:
    """Scores for one decade of known ages, before and after correction."""

    from_years: int
    raw: Score
    corrected: Score


@dataclass(frozen=True, slots=True)
class SiteCalibration:
    """The site calibration of one build and model.

    Attributes:
        bias_years: mean error of the model on them; positive is too old; 0 without faces.
        coverage: intended share of known ages within the range.
        curve: correction in the estimate, also if only its cover is used; None for method "none".
        low: added to the corrected estimate for the lower end, in units of `scale`, or None.
        high: likewise for the upper end.
        ages_years: least and greatest known age, or None without faces.
        candidates: cross-validation scores, simplest first.
        decades: the chosen method by decade of known age.
    """

    method: Method
    reason: Reason | None
    model_sha256: str
    faces: int
    persons: int
    bias_years: float = 0.0
    coverage: float = COVERAGE
    curve: Curve | None = None
    low: float | None = None
    high: float | None = None
    folds: int = 0
    seed: int = 0
    ages_years: tuple[float, float] | None = None
    candidates: tuple[Candidate, ...] = ()
    decades: tuple[Decade, ...] = ()

    def __post_init__(self) -> None:
        if self.method not in METHODS or (self.method == "none") != (self.reason in REASONS):
            raise ValueError(f"{self.method!r} for the reason {self.reason!r} is no calibration")
        parts = (self.curve, self.low, self.high)
        if any((part is None) != (self.method == "none") for part in parts):
            raise ValueError("a correction comes with a curve and a range")
        if self.low is not None and self.high is not None and not self.low <= self.high:
            raise ValueError("a range runs from low to high")

    @property
    def uses_curve(self) -> bool:
        """Return whether the curve is applied."""
        return "curve" in self.method

    @property
    def uses_neighbours(self) -> bool:
        """Return whether the mean residual of the nearest faces is applied."""
        return "local" in self.method
