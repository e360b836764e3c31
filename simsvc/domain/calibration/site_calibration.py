"""The model corrected by a site's own reference faces: what a calibration is, and how it is applied.

`domain.calibration.fit` fits it at a build, on the model's estimates of the reference faces and their known
ages. The correction is a curve in the estimate, the mean residual of the faces that look most alike, or both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simsvc.values.site_calibration import Floats, SiteCalibration

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
