"""Applying a site calibration: the model corrected by the site's own reference faces.

`domain.calibration.fit` fits it when an index is built. The correction is a curve in the estimate, the mean
residual of the most similar faces, or both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simsvc.values.site_calibration import Floats, SiteCalibration

NEIGHBOURS = 24
"""Faces used by the local correction: as many as every search returns, so it takes no extra time."""
DISTANCE_WIDTH = 0.35
"""Angular distance beyond the nearest face at which a face has weight exp(-1/2)."""
YEARS_WIDTH = 8.0
"""Difference of estimates at which a face has weight exp(-1/2), years."""
LOCAL_SHRINK = 6.0
"""Faces without residual added to the neighbours, each with weight 1."""
SCALE_YEARS, SCALE_SHARE = 3.0, 0.08
"""Size of errors by age: 3 years + 0.08 of the estimate, as measured on the same sets."""


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """For Q faces, the K most similar reference faces.

    Attributes:
        distances: float64 (Q, K), angular.
        estimates_years: float64 (Q, K), the model's own.
        residuals_years: float64 (Q, K), known age less (corrected) estimate.
    """

    distances: Floats
    estimates_years: Floats
    residuals_years: Floats


def scale(estimates_years: Floats) -> Floats:
    """Return the expected size of errors at estimates, years, same shape."""
    return SCALE_YEARS + SCALE_SHARE * np.maximum(estimates_years, 0.0)


def local_shift(estimates_years: Floats, near: Near) -> Floats:
    """Return the weighted mean residual of the nearest faces, years (Q,), shrunk towards zero.

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
    """One corrected estimate, its cover, 0..1 (0 without correction), and the site's range, if corrected."""

    age_years: float
    cover: float
    interval_years: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class NearFace:
    """A similar reference face: angular distance, the model's estimate and known age."""

    distance: float
    estimate_years: float
    age_years: float


def correct(age_years: float, near: Sequence[NearFace], calibration: SiteCalibration) -> Corrected:
    """Correct one estimate by real reference faces from other photos, most similar first."""
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
    """Return a range blended from the model's (cover 0) to the site's (cover 1)."""
    if model_years is None:
        return site_years
    low, high = (cover * a + (1.0 - cover) * b for a, b in zip(site_years, model_years, strict=True))
    return low, high
