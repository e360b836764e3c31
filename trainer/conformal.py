"""Intervals that hold what they promise: split-conformal by bands of the estimate, each tail on its own.

Sources: Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005, section 4.5 (Mondrian:
one calibration for each category, here a band of the estimate); Linusson, Johansson and Loefstroem,
"Signed-Error Conformal Regression", PAKDD 2014 (signed errors, half of the miss rate for each tail).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from simsvc.steps.interval import Band

COVERAGE = 0.9
DECADE_COVERAGE = 0.89
"""Least coverage of each true decade among the calibration faces, where 90% is promised of all: the 86% that
a band of 100 faces can promise by itself (see `LEAST_FACES`), and a binomial standard error of such a share
of 130 faces, 3 points, since other faces of the decade are covered more or less often by that much."""
METHOD = "split-conformal, Mondrian by bands of the estimate, signed errors, balanced over true decades"
LEAST_FACES = 100
"""Calibration faces of a band. The coverage that a band of n faces attains is Beta(n + 1 - l, l) distributed,
l the ranks outside (Vovk, "Conditional Validity of Inductive Conformal Predictors", ACML 2012, section 3):
with 100 faces it is at least 86% in nine cases of ten when 90% is promised."""
STEP_YEARS = 5
"""Bands begin at multiples of it."""
ROUNDS = 60
STEP = 4.0
"""Weights grow by exp(STEP * missing coverage) a round, for at most so many rounds."""


def tails(
    errors_years: NDArray[np.float64], coverage: float, weights: NDArray[np.float64] | None = None
) -> tuple[float, float]:
    """Return (below, above): what is added to an estimate for the ends of its interval, both ends inclusive.

    With equal weights the upper end is the ceil((n + 1)(1 - tail))-th smallest of the n errors, tail half of
    the miss rate, and the lower end the same from below. Otherwise weights stand for how much more often such
    faces are met; the face to come has the mean weight (Tibshirani et al., "Conformal Prediction Under
    Covariate Shift", NeurIPS 2019, section 2, for weights that do not know it).

    Args:
        errors_years: (n,), label minus estimate, of faces exchangeable with those to come.
        coverage: share of faces to come whose label lies inside, at least.
        weights: (n,), positive, or None for equal ones.

    Raises:
        ValueError: so few errors that no finite interval keeps the promise.
    """
    given = np.ones(len(errors_years)) if weights is None else weights
    tail = (1 - coverage) / 2
    return -_upper(-errors_years, given, tail), _upper(errors_years, given, tail)


def _upper(errors_years: NDArray[np.float64], weights: NDArray[np.float64], tail: float) -> float:
    order = np.argsort(errors_years)
    passed = np.cumsum(weights[order]) / (weights.sum() + weights.mean())
    at = int(np.searchsorted(passed, 1 - tail - 1e-9))  # less float dust
    if at == len(order):
        raise ValueError(f"{len(order)} errors are too few to leave out a tail of {tail:g}")
    return float(errors_years[order[at]])


def starts(estimates_years: NDArray[np.float64], least_faces: int = LEAST_FACES) -> list[int]:
    """Return where bands begin, the first at 0: as many as there are with `least_faces` in each.

    A band ends at the first multiple of `STEP_YEARS` at which it has enough faces; what is too little for a
    band of its own at the upper end belongs to the one before.
    """
    found, filled = [0], 0
    last = math.ceil(float(estimates_years.max()) / STEP_YEARS) * STEP_YEARS
    for edge in range(STEP_YEARS, last + 1, STEP_YEARS):
        filled = int(((estimates_years >= found[-1]) & (estimates_years < edge)).sum())
        if filled >= least_faces and int((estimates_years >= edge).sum()) >= least_faces:
            found.append(edge)
    return found


def bands(
    estimates_years: NDArray[np.float64],
    labels_years: NDArray[np.float64],
    decade_coverage: float | None = DECADE_COVERAGE,
    coverage: float = COVERAGE,
    least_faces: int = LEAST_FACES,
) -> tuple[Band, ...]:
    """Return the calibrated bands of N faces that were not learnt from.

    Bands of the estimate promise nothing by true age: people whose age is rare among those estimated alike
    are missed more often. So the faces of every true decade that is covered less than `decade_coverage` gain
    weight, step by step, until none is.

    Args:
        estimates_years: (N,); those below 0 belong to the first band.
        labels_years: (N,).
        decade_coverage: least share of the calibration faces of each true decade (the rare ones at the end
            together) inside their intervals; None to leave the weights equal.
        coverage: of all faces, at least.
        least_faces: of a band, and of a decade that is seen to on its own.

    Raises:
        ValueError: fewer faces than one band needs.
    """
    if len(estimates_years) < least_faces:
        raise ValueError(f"{len(estimates_years)} faces are too few: a band needs {least_faces}")
    edges = starts(estimates_years, least_faces)
    which = np.maximum(np.searchsorted(edges, estimates_years, side="right") - 1, 0)
    errors, decades = labels_years - estimates_years, _decades(labels_years, least_faces)
    ends = _balanced(errors, which, decades, coverage, decade_coverage or 0)
    counts = np.bincount(which)
    return tuple(
        Band(float(edge), round_out(low), -round_out(-high), int(count))
        for edge, (low, high), count in zip(edges, ends.tolist(), counts, strict=True)
    )


def _balanced(
    errors_years: NDArray[np.float64],
    which: NDArray[np.intp],
    decades: NDArray[np.int64],
    coverage: float,
    decade_coverage: float,
) -> NDArray[np.float64]:
    """Return float64 (bands, 2), the ends of each band, with weights that see to every decade."""
    weights = np.ones(int(decades.max()) + 1)
    ends = np.zeros((int(which.max()) + 1, 2))
    for _ in range(ROUNDS):
        for band in range(len(ends)):
            mine = which == band
            ends[band] = tails(errors_years[mine], coverage, weights[decades[mine]])
        inside = (ends[which, 0] <= errors_years) & (errors_years <= ends[which, 1])
        missing = decade_coverage - np.bincount(decades, inside) / np.bincount(decades)
        if missing.max() <= 0:
            break
        weights = weights * np.exp(STEP * np.maximum(missing, 0))
    return ends


def _decades(labels_years: NDArray[np.float64], least_faces: int) -> NDArray[np.int64]:
    """Return int64 (N,): each label's decade; those of fewer faces at the old end count as one."""
    decades = (labels_years // 10).astype(np.int64)
    last = int(decades.max())
    while last > 0 and int((decades >= last).sum()) < least_faces:
        last -= 1
    merged: NDArray[np.int64] = np.unique(np.minimum(decades, last), return_inverse=True)[1].reshape(-1)
    return merged


def round_out(low_years: float) -> float:
    """Return a lower end rounded down to hundredths, so that rounding never narrows an interval."""
    return math.floor(low_years * 100) / 100


def covered(intervals_years: NDArray[np.float64], labels_years: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return bool (N,): which labels lie in their intervals (N, 2), ends included."""
    inside: NDArray[np.bool_] = (intervals_years[:, 0] <= labels_years) & (
        labels_years <= intervals_years[:, 1]
    )
    return inside
