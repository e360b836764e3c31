"""Intervals that hold what they promise: split-conformal by bands of the estimate, each tail on its own.

Sources: Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005, section 4.5 (Mondrian:
one calibration for each category, here a band of the estimate); Linusson, Johansson and Loefstroem,
"Signed-Error Conformal Regression", PAKDD 2014 (signed errors, half of the miss rate for each tail).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simsvc.domain.estimate.interval import Band

COVERAGE = 0.9
DECADE_COVERAGE = 0.89
"""Least coverage of each true decade among the calibration faces, where 90% is promised of all: the 86% that
a band of 100 faces can promise by itself (see `LEAST_FACES`), and a binomial standard error of such a share
of 130 faces, 3 points, since other faces of the decade are covered more or less often by that much."""
SOURCE_COVERAGE = 0.87
"""Least coverage of each source that was left out of training: 90% less the binomial standard error of such a
share of 100 faces, 3 points, since the source to come is none of these."""
METHOD = "split-conformal, Mondrian by bands of the estimate, signed errors, balanced over true decades"
OVER_SOURCES = f"{METHOD} and over sources left out of training"
SCALED_OVER_SOURCES = (
    "split-conformal, signed errors scaled by the expected error, balanced over true decades and over "
    "sources left out of training"
)
DOUBT_POWER = 0.7
"""Power of the expected error by which ranges grow. Source: calibrated on UTKFace held out and on four
of five sources left out, the fifth was held to 89% at least at powers of 0.5 and 0.7, and to 82% at 1."""
LEAST_FACES = 100
"""Calibration faces of a band. The coverage that a band of n faces attains is Beta(n + 1 - l, l) distributed,
l the ranks outside (Vovk, "Conditional Validity of Inductive Conformal Predictors", ACML 2012, section 3):
with 100 faces it is at least 86% in nine cases of ten when 90% is promised."""
STEP_YEARS = 5  # Bands begin at multiples of it
ROUNDS = 60
STEP = 4.0  # Weights grow by exp(STEP * missing coverage) a round, for at most so many rounds


def tails(
    errors_years: NDArray[np.float64], coverage: float, weights: NDArray[np.float64] | None = None
) -> tuple[float, float]:
    """Return (below, above): what is added to an estimate for the ends of its interval, both ends inclusive.

    With equal weights the upper end is the ceil((n + 1)(1 - tail))-th smallest of the n errors, tail half of
    the miss rate, and the lower end the same from below. Otherwise weights stand for how much more often such
    faces are met; the face to come has the mean weight (Tibshirani et al., "Conformal Prediction Under
    Covariate Shift", NeurIPS 2019, section 2, for weights that do not know it). Errors (n,) are label minus
    estimate, of faces exchangeable with those to come; weights (n,) are positive, or None for equal ones.
    `coverage` is the least share of future faces whose label is inside.

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
    weight, step by step, until none is. Estimates below 0 belong to the first band. The rare decades at the
    end count together for `decade_coverage`; None leaves the weights equal. `least_faces` is of a band, and
    of a decade that is seen to on its own.

    Raises:
        ValueError: fewer faces than one band needs.
    """
    if len(estimates_years) < least_faces:
        raise ValueError(f"{len(estimates_years)} faces are too few: a band needs {least_faces}")
    edges = starts(estimates_years, least_faces)
    which = np.maximum(np.searchsorted(edges, estimates_years, side="right") - 1, 0)
    errors, decades = labels_years - estimates_years, _decades(labels_years, least_faces)
    ends = _balanced(errors, which, [_Need(decades, decade_coverage or 0)], coverage)
    return tuple(
        Band(float(edge), round_out(low), -round_out(-high), int(count))
        for edge, (low, high), count in zip(edges, ends.tolist(), np.bincount(which), strict=True)
    )


def bands_over_sources(
    estimates_years: NDArray[np.float64], labels_years: NDArray[np.float64], sources: NDArray[np.str_]
) -> tuple[Band, ...]:
    """Return bands that hold on photos of sources that the model does not know.

    Beside the decades, the faces of every source gain weight until it is covered by `SOURCE_COVERAGE` at
    least, so that the source that the model knows least decides; and no band is narrower than the faces of
    the largest source alone would have it.
    Source: Dunn, Wasserman and Ramdas, "Distribution-Free Prediction Sets for Two-Layer Hierarchical Models",
    JASA 118, 2023, which treats sources as the groups of a hierarchy; weights instead of their subsampling.
    All are (N,), of faces whose source was left out of training and of held-out faces; the label of a window
    is its middle.

    Raises:
        ValueError: fewer faces than one band needs.
    """
    names, which_source = np.unique(sources, return_inverse=True)
    alone = sources == names[np.argmax(np.bincount(which_source))]
    own = bands(estimates_years[alone], labels_years[alone])
    edges = [int(band.from_years) for band in own]
    which = np.maximum(np.searchsorted(edges, estimates_years, side="right") - 1, 0)
    errors = labels_years - estimates_years
    needs = [
        _Need(_decades(labels_years, LEAST_FACES), DECADE_COVERAGE),
        _Need(which_source.reshape(-1).astype(np.int64), SOURCE_COVERAGE),
    ]
    ends = _balanced(errors, which, needs, COVERAGE)
    return tuple(
        Band(
            band.from_years,
            min(band.below_years, round_out(low)),
            max(band.above_years, -round_out(-high)),
            int(count),
        )
        for band, (low, high), count in zip(own, ends.tolist(), np.bincount(which), strict=True)
    )


def scaled_over_sources(
    estimates_years: NDArray[np.float64],
    labels_years: NDArray[np.float64],
    sources: NDArray[np.str_],
    scales: NDArray[np.float64],
) -> Band:
    """Return one band, in multiples of the scales, that holds on sources that the model does not know.

    Weights see to decades and sources as in `bands_over_sources`; instead of bands of the estimate, the error
    that is expected of each face decides how wide its range is. No end is nearer than the faces of the
    largest source alone would have it. All are (N,).
    Source: Lei et al., "Distribution-Free Predictive Inference for Regression", JASA 113, 2018, section 5.2.

    Raises:
        ValueError: so few errors that no finite interval keeps the promise.
    """
    names, which_source = np.unique(sources, return_inverse=True)
    errors = (labels_years - estimates_years) / scales
    needs = [
        _Need(_decades(labels_years, LEAST_FACES), DECADE_COVERAGE),
        _Need(which_source.reshape(-1).astype(np.int64), SOURCE_COVERAGE),
    ]
    ((low, high),) = _balanced(errors, np.zeros(len(errors), np.intp), needs, COVERAGE).tolist()
    alone = tails(errors[sources == names[np.argmax(np.bincount(which_source))]], COVERAGE)
    low, high = min(low, alone[0]), max(high, alone[1])
    return Band(0.0, round_out(low), -round_out(-high), len(errors))


@dataclass(frozen=True, slots=True, eq=False)
class _Need:
    """Least coverage of each of the classes that faces belong to, int64 (N,)."""

    classes: NDArray[np.int64]
    coverage: float


def _balanced(
    errors_years: NDArray[np.float64], which: NDArray[np.intp], needs: Sequence[_Need], coverage: float
) -> NDArray[np.float64]:
    """Return float64 (bands, 2), the ends of each band, with weights that see to every class."""
    weights = np.ones(len(errors_years))
    ends = np.zeros((int(which.max()) + 1, 2))
    for _ in range(ROUNDS):
        for band in range(len(ends)):
            mine = which == band
            ends[band] = tails(errors_years[mine], coverage, weights[mine])
        inside = (ends[which, 0] <= errors_years) & (errors_years <= ends[which, 1])
        missing = [
            (need.coverage - np.bincount(need.classes, inside) / np.bincount(need.classes))[need.classes]
            for need in needs
        ]
        if max(each.max() for each in missing) <= 0:
            break
        for each in missing:
            weights = weights * np.exp(STEP * np.maximum(each, 0))
    return ends


def _decades(labels_years: NDArray[np.float64], least_faces: int) -> NDArray[np.int64]:
    """Return int64 (N,): each label's decade; those of fewer faces at the old end count as one."""
    decades = (labels_years // 10).astype(np.int64)
    last = int(decades.max())
    while last > 0 and int((decades >= last).sum()) < least_faces:
        last -= 1
    return np.unique(np.minimum(decades, last), return_inverse=True)[1].reshape(-1)


def round_out(low_years: float) -> float:
    """Return a lower end rounded down to hundredths, so that rounding never narrows an interval."""
    return math.floor(low_years * 100) / 100


def covered(intervals_years: NDArray[np.float64], labels_years: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return bool (N,): which labels lie in their intervals (N, 2), ends included."""
    low, high = intervals_years.T
    inside: NDArray[np.bool_] = (low <= labels_years) & (labels_years <= high)
    return inside
