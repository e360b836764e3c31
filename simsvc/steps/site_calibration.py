"""The model corrected by a site's own reference faces: what a calibration is, and how it is applied.

`steps.fit_calibration` fits it at a build, on the model's estimates of the reference faces and their known
ages. The correction is a curve in the estimate, the mean residual of the faces that look most alike, or both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Method = Literal["none", "curve", "local", "curve+local"]
METHODS: tuple[Method, ...] = ("none", "curve", "local", "curve+local")
"""From the simplest on."""
Reason = Literal["composites", "few_faces", "one_person", "few_persons", "one_age", "training", "no_gain"]
"""Why there is no correction."""
REASONS: tuple[Reason, ...] = (
    *("composites", "few_faces", "one_person", "few_persons"),
    *("one_age", "training", "no_gain"),
)
Floats = NDArray[np.float64]

COVERAGE = 0.9
"""As the ranges of shipped models have it."""
NEIGHBOURS = 24
"""Faces that the local correction looks at. As many as every search returns, so that it costs no time."""
DISTANCE_WIDTH = 0.35
"""Angular distance beyond that of the nearest face at which a face weighs exp(-1/2)."""
YEARS_WIDTH = 8.0
"""The same for the difference between two faces' estimates."""
LOCAL_SHRINK = 6.0
"""Faces without any residual that join the neighbours, each with weight 1."""
SCALE_YEARS, SCALE_SHARE = 3.0, 0.08
"""How the size of errors grows with age: 3 years + 0.08 of the estimate, as measured over the same sets."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A piecewise-linear correction of the estimate, none beyond its ends.

    Attributes:
        knots_years: of the estimate, ascending, at least three.
        offsets_years: added there; the first and the last are 0.
    """

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
        """Return what is added to estimates, years, in their shape."""
        return np.interp(estimates_years, self.knots_years, self.offsets_years, left=0.0, right=0.0)

    def cover(self, estimates_years: Floats) -> Floats:
        """Return how far the reference faces cover estimates, 0..1: 0 beyond all of theirs."""
        low, high = self.knots_years[:2], self.knots_years[-2:]
        if low[1] == high[0]:  # three knots: the middle one alone is covered in full
            return np.interp(estimates_years, (*low, high[1]), (0.0, 1.0, 0.0), left=0.0, right=0.0)
        return np.interp(estimates_years, (*low, *high), (0.0, 1.0, 1.0, 0.0), left=0.0, right=0.0)


@dataclass(frozen=True, slots=True)
class Score:
    """How estimates of reference faces fare, each made without the faces of its person.

    Attributes:
        faces: how many.
        mae_years: mean absolute error.
        bias_years: mean of estimate less known age.
        coverage: share of known ages inside the range, or None where there is no range.
    """

    faces: int
    mae_years: float
    bias_years: float
    coverage: float | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """What cross-validation said of one method: see `Score`."""

    method: Method
    score: Score


@dataclass(frozen=True, slots=True)
class Decade:
    """The faces of one decade of known ages: their score by the model alone and as corrected."""

    from_years: int
    raw: Score
    corrected: Score


@dataclass(frozen=True, slots=True)
class SiteCalibration:
    """What the reference faces of one build say of one model.

    Attributes:
        method: which correction is applied.
        reason: why none is; None where one is.
        model_sha256: of the model's weights.
        faces: real reference faces it rests on.
        persons: how many people they show.
        bias_years: how much too old the model reads them on average; 0 without faces.
        coverage: share of known ages that the range is meant to hold.
        curve: correction in the estimate, also where only its cover is used; None where `method` is "none".
        low: added to the corrected estimate in units of `scale`, gives the range's low end; None without.
        high: likewise the high end.
        folds: of the cross-validation; 0 where there was none.
        seed: of the folds.
        ages_years: least and greatest known age, or None without faces.
        candidates: what cross-validation said, the simplest first.
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
        """Say whether the curve is added."""
        return "curve" in self.method

    @property
    def uses_neighbours(self) -> bool:
        """Say whether the mean residual of the nearest faces is added."""
        return "local" in self.method


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """For Q faces, the K reference faces that look most alike.

    Attributes:
        distances: float64 (Q, K), angular.
        estimates_years: float64 (Q, K), the model's own.
        residuals_years: float64 (Q, K), known age less (corrected) estimate.
    """

    distances: Floats
    estimates_years: Floats
    residuals_years: Floats


def scale(estimates_years: Floats) -> Floats:
    """Return the size of errors to expect at estimates, years, in their shape."""
    return SCALE_YEARS + SCALE_SHARE * np.maximum(estimates_years, 0.0)


def local_shift(estimates_years: Floats, near: Near) -> Floats:
    """Return the weighted mean residual of the nearest faces, years (Q,), shrunk towards none.

    Source: Nadaraya, "On Estimating Regression", Theory of Probability and its Applications 9(1), 1964, with
    Gaussian kernels in distance and estimate.
    """
    if near.distances.shape[1] == 0:
        return np.zeros(len(estimates_years))
    beyond = near.distances - near.distances.min(axis=1, keepdims=True)
    apart = near.estimates_years - estimates_years[:, None]
    weights = np.exp(-0.5 * (beyond / DISTANCE_WIDTH) ** 2 - 0.5 * (apart / YEARS_WIDTH) ** 2)
    shift: Floats = (weights * near.residuals_years).sum(axis=1) / (weights.sum(axis=1) + LOCAL_SHRINK)
    return shift


@dataclass(frozen=True, slots=True)
class Corrected:
    """One estimate as a site calibration corrects it.

    Attributes:
        age_years: corrected; never below 0.
        cover: how far the reference faces cover it, 0..1; 0 where nothing was corrected.
        interval_years: the site's own range, or None where nothing was corrected.
    """

    age_years: float
    cover: float
    interval_years: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class NearFace:
    """A reference face near the judged one: angular distance, the model's estimate, and the known age."""

    distance: float
    estimate_years: float
    age_years: float


def correct(age_years: float, near: Sequence[NearFace], calibration: SiteCalibration) -> Corrected:
    """Correct one estimate of the model.

    Args:
        age_years: the model's own.
        near: real reference faces, the most alike first; of other photos than the judged one.
        calibration: of the same model.
    """
    curve = calibration.curve
    if curve is None or calibration.low is None or calibration.high is None:
        return Corrected(age_years, 0.0, None)
    estimate = np.array([age_years])
    cover = float(curve.cover(estimate)[0])
    if cover == 0.0:
        return Corrected(age_years, 0.0, None)
    shift = float(curve.at(estimate)[0]) if calibration.uses_curve else 0.0
    if calibration.uses_neighbours:
        chosen = near[:NEIGHBOURS]
        estimates = np.array([[one.estimate_years for one in chosen]])
        labels = np.array([[one.age_years for one in chosen]])
        corrected = estimates + (curve.at(estimates) if calibration.uses_curve else 0.0)
        distances = np.array([[one.distance for one in chosen]])
        shift += cover * float(local_shift(estimate, Near(distances, estimates, labels - corrected))[0])
    made = max(0.0, age_years + shift)
    size = float(scale(np.array([made]))[0])
    ends = max(0.0, made + calibration.low * size), max(0.0, made + calibration.high * size)
    return Corrected(made, cover, ends)


def blended(
    site_years: tuple[float, float], model_years: tuple[float, float] | None, cover: float
) -> tuple[float, float]:
    """Return a range that passes from the model's own to the site's as the cover grows from 0 to 1."""
    if model_years is None:
        return site_years
    low, high = (cover * a + (1.0 - cover) * b for a, b in zip(site_years, model_years, strict=True))
    return low, high


def document(calibration: SiteCalibration) -> dict[str, Any]:
    """Return a calibration as manifest.json holds it."""
    return asdict(calibration)


def parsed(raw: dict[str, Any]) -> SiteCalibration:
    """Read what `document` gave.

    Raises:
        KeyError, TypeError, ValueError: it is no calibration.
    """
    fields = dict(raw)
    curve, ages = fields.pop("curve"), fields.pop("ages_years")
    candidates, decades = fields.pop("candidates"), fields.pop("decades")
    return SiteCalibration(
        **fields,
        curve=curve and Curve(tuple(curve["knots_years"]), tuple(curve["offsets_years"])),
        ages_years=ages and (ages[0], ages[1]),
        candidates=tuple(Candidate(one["method"], Score(**one["score"])) for one in candidates),
        decades=tuple(
            Decade(one["from_years"], Score(**one["raw"]), Score(**one["corrected"])) for one in decades
        ),
    )
