"""A mixture of teachers, each corrected and weighted by age from labelled faces.

A teacher is not right everywhere: one reads the old too young, another knows one data set alone. Around every
age each teacher's bias and squared error are measured on labelled faces, each source counting alike; the
corrected estimates are averaged with weights in inverse proportion to the squared errors.
Source: Bates and Granger, "The Combination of Forecasts", Operational Research Quarterly 20, 1969, for the
weights; Nadaraya, "On Estimating Regression", 1964, for the local means.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.models.age_model import AGE_BINS

KNOTS_YEARS = np.arange(0.0, AGE_BINS, 10.0)
"""Ages at which teachers are measured; in between, corrections and weights are joined by straight lines."""
WIDTH_YEARS = 10.0
"""Half the base of the triangular kernel around a knot: each face counts at its two nearest knots."""
LEAST_WEIGHT = 20.0  # Faces without error that are added at every knot, so that few faces correct little
LEAST_SIGMA_YEARS = 2.0
"""Narrowest distribution that is taught: the width of a label's own, see `trainer.training.recipes.recipe.Recipe`."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """What was measured of T teachers at K knots."""

    bias_years: Floats  # (T, K), estimate minus label, to be taken off
    weights: Floats  # (T, K), which sum to one over the teachers
    sigma_years: Floats  # (K,), root mean squared error of the mixture

    def estimate(self, estimates_years: Floats) -> Floats:
        """Return the mixture's estimate (N,) of the teachers' estimates (T, N), in years."""
        at = estimates_years.mean(axis=0)
        bias = np.stack([np.interp(at, KNOTS_YEARS, row) for row in self.bias_years])
        weights = np.stack([np.interp(at, KNOTS_YEARS, row) for row in self.weights])
        mixed: Floats = ((estimates_years - bias) * weights).sum(axis=0) / weights.sum(axis=0)
        return mixed.clip(0, AGE_BINS - 1)

    def distributions(self, estimates_years: Floats) -> NDArray[np.float32]:
        """Return float32 (N, AGE_BINS): a Gaussian around each estimate, as wide as the mixture errs."""
        centres = self.estimate(estimates_years)
        sigma = np.maximum(np.interp(centres, KNOTS_YEARS, self.sigma_years), LEAST_SIGMA_YEARS)
        shares = np.exp(-((np.arange(AGE_BINS) - centres[:, None]) ** 2) / (2 * sigma[:, None] ** 2))
        normalised: NDArray[np.float32] = (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
        return normalised


def measure(estimates_years: Floats, labels_years: Floats, sources: NDArray[np.str_]) -> Mixture:
    """Return the mixture of teachers fitted on labelled faces.

    `estimates_years` is (T, N), of faces that the teachers were not taught with; labels and sources are (N,).
    The faces of a source share a separate weight around every knot.
    """
    near = _near(estimates_years.mean(axis=0), sources)
    errors = estimates_years - labels_years
    faces = near.sum(axis=1)
    bias = (errors @ near.T) / (faces + LEAST_WEIGHT)
    left = errors[:, None, :] - bias[:, :, None]
    squares = (left**2 * near[None]).sum(axis=2)
    overall = (left**2 * near[None]).sum(axis=(1, 2)) / max(faces.sum(), 1e-9)
    weights = 1 / np.maximum((squares + LEAST_WEIGHT * overall[:, None]) / (faces + LEAST_WEIGHT), 1e-9)
    weights = weights / weights.sum(axis=0)
    mixed = Mixture(bias, weights, np.zeros(len(KNOTS_YEARS)))
    off = (mixed.estimate(estimates_years) - labels_years) ** 2
    overall_off = float((off * near).sum() / max(near.sum(), 1e-9))
    sigma = np.sqrt(((near * off).sum(axis=1) + LEAST_WEIGHT * overall_off) / (faces + LEAST_WEIGHT))
    return Mixture(bias, weights, sigma)


def _near(at_years: Floats, sources: NDArray[np.str_]) -> Floats:
    """Return float64 (K, N): how much each face counts at each knot.

    Where a source has more faces at a knot than the median source that has any, its faces count for less.
    """
    kernel = np.maximum(0, 1 - np.abs(KNOTS_YEARS[:, None] - at_years) / WIDTH_YEARS)
    names = sorted(set(sources.tolist()))
    totals = np.stack([kernel[:, sources == name].sum(axis=1) for name in names])
    for knot in range(len(KNOTS_YEARS)):
        there = totals[:, knot][totals[:, knot] > 0]
        most = float(np.median(there)) if len(there) else 0.0
        for name, total in zip(names, totals[:, knot], strict=True):
            if total > most:
                kernel[knot, sources == name] *= most / total
    return kernel
