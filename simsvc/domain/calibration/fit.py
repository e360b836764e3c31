"""Fitting a site calibration: every candidate, its cross-validation by person, and the range.

Four candidates compete: no correction; a piecewise-linear curve in the estimate, shrunk towards none; the
mean residual of the most similar reference faces; and both. No person is split between folds. A candidate
replaces a simpler one only if its mean absolute error is better by `LEAST_GAIN` standard errors.

The constants were chosen on the developers' halves of fgnet, us_congress, bundestag and uk_parliament and on
UTKFace's test part; `python -m trainer site-calibration` measures their effect. Other values within a
factor of two change the mean error of each set by less than 0.15 years.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsvc.domain.calibration.site_calibration import NEIGHBOURS, Near, local_shift, scale
from simsvc.domain.gallery.nearest import spread
from simsvc.values import FloatVector
from simsvc.values.site_calibration import (
    COVERAGE,
    METHODS,
    Candidate,
    Curve,
    Decade,
    Floats,
    Method,
    Reason,
    Score,
    SiteCalibration,
)

LEAST_FACES = 30
LEAST_GAIN = 2.0
"""Standard errors by which a candidate must be better. Of 120 draws each of 100 and of 300 faces of UTKFace's
test part, the worst lost 0.13 years by the calibration at 1.25 standard errors and 0.05 at 2; what it gives
fgnet, bundestag and uk_parliament falls by 0.0, 0.0 and 0.2 years."""
LEAST_PERSONS = 10
"""As many as there are folds: with fewer, a standard error over persons is unreliable."""
LEAST_SPAN_YEARS = 10.0
"""From the 5th to the 95th percentile of the known ages. In a narrower span, a gallery would pull every
estimate to its own age. This is the width of a 90% range where the shipped models are best, among
teenagers."""
MOST_FACES = 5_000
"""Faces fitted in a larger gallery, evenly spread: seconds, and a standard error below 0.1."""
LEAST_RESIDUALS = math.ceil((1.0 + COVERAGE) / (1.0 - COVERAGE))
"""With fewer, a side of the range has no finite quantile: see `range_of`."""
FOLDS = 10
SEED = 19
EDGE_SHARE = 0.03
"""Share of faces at each end of the estimates over which the correction fades to zero."""
FACES_A_KNOT = 25
MOST_KNOTS = 5
LEAST_GAP_YEARS = 0.1
CURVE_SHRINK = 4.0
"""Ridge penalty: faces without error added to each knot, which pull the curve towards zero."""
LEAST_SLOPE = 0.2
"""Minimum slope of the corrected estimate over the model's, so that the curve keeps the order of faces."""
DECADE_YEARS = 10
DECIMALS = 6
"""Decimals of recorded figures: fine enough, and the same on every machine."""
_ROWS_A_BLOCK = 512
"""Faces per neighbour lookup: 20 MB of cosines against `MOST_FACES`."""


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceFaces:
    """Estimates and embeddings of N real reference faces.

    Attributes:
        ages_years: float64 (N,), known.
        estimates_years: float64 (N,), the model's own.
        persons: int (N,): faces of one person or photo share a number.
        embeddings: float32 (N, D), unit length.
    """

    ages_years: Floats
    estimates_years: Floats
    persons: NDArray[np.int64]
    embeddings: FloatVector

    def __post_init__(self) -> None:
        count = len(self.ages_years)
        if not len(self.estimates_years) == len(self.persons) == len(self.embeddings) == count:
            raise ValueError("every face needs an age, an estimate, a person and an embedding")

    def __len__(self) -> int:
        return len(self.ages_years)

    def of(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> ReferenceFaces:
        """Return a subset of the faces."""
        ages, estimates = self.ages_years[chosen], self.estimates_years[chosen]
        return ReferenceFaces(ages, estimates, self.persons[chosen], self.embeddings[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A calibration, and each face's estimate, float64 (N,), corrected without faces of the same person."""

    calibration: SiteCalibration
    left_out_years: Floats


def fit(faces: ReferenceFaces, model_sha256: str) -> Fitted:
    """Fit candidates to real faces unknown to the model, choose by cross-validation, calibrate the range."""
    reason = _unfit(faces)
    if reason is not None:
        return Fitted(_none(faces, reason, model_sha256), faces.estimates_years.copy())
    chosen = spread(len(faces), MOST_FACES)
    sample = faces.of(chosen)
    fold = folds_of(sample.persons)
    left_out = _left_out(sample, fold)
    method = _best(left_out, sample)
    held = {name: _held(made, sample.ages_years, fold) for name, made in left_out.items()}
    candidates = tuple(
        Candidate(name, _score(left_out[name], sample.ages_years, held[name])) for name in METHODS
    )
    if method == "none":
        calibration = _none(sample, "no_gain", model_sha256, candidates)
        return Fitted(calibration, faces.estimates_years.copy())
    low, high = range_of(left_out[method], sample.ages_years)
    curve = fit_curve(sample)
    calibration = SiteCalibration(
        method=method,
        reason=None,
        model_sha256=model_sha256,
        faces=len(faces),
        persons=len(np.unique(faces.persons)),
        bias_years=_bias(faces),
        curve=curve,
        low=round(low, DECIMALS),
        high=round(high, DECIMALS),
        folds=FOLDS,
        seed=SEED,
        ages_years=(float(faces.ages_years.min()), float(faces.ages_years.max())),
        candidates=candidates,
        decades=tuple(_decades(sample, left_out[method], held[method])),
    )
    every = corrected(method, faces, sample, curve) if len(sample) < len(faces) else np.empty(len(faces))
    every[chosen] = left_out[method]
    return Fitted(calibration, every)


def no_faces(reason: Reason, model_sha256: str) -> SiteCalibration:
    """Return a calibration without a correction, because no reference face is usable."""
    return SiteCalibration("none", reason, model_sha256, 0, 0)


def _none(
    faces: ReferenceFaces, reason: Reason, model_sha256: str, candidates: tuple[Candidate, ...] = ()
) -> SiteCalibration:
    known = len(faces) > 0
    return SiteCalibration(
        method="none",
        reason=reason,
        model_sha256=model_sha256,
        faces=len(faces),
        persons=len(np.unique(faces.persons)),
        bias_years=_bias(faces) if known else 0.0,
        folds=FOLDS if candidates else 0,
        seed=SEED if candidates else 0,
        ages_years=(float(faces.ages_years.min()), float(faces.ages_years.max())) if known else None,
        candidates=candidates,
        decades=tuple(_decades(faces, faces.estimates_years, None)) if candidates else (),
    )


def _bias(faces: ReferenceFaces) -> float:
    return _mean(faces.estimates_years - faces.ages_years)


def _mean(values: NDArray[Any]) -> float:
    return round(float(np.mean(values)), DECIMALS)


def _unfit(faces: ReferenceFaces) -> Reason | None:
    if len(faces) < LEAST_FACES:
        return "few_faces"
    persons = len(np.unique(faces.persons))
    if persons < LEAST_PERSONS:
        return "one_person" if persons == 1 else "few_persons"
    low, high = np.percentile(faces.ages_years, (5, 95))
    narrow = high - low < LEAST_SPAN_YEARS or np.ptp(faces.estimates_years) < LEAST_SPAN_YEARS
    return "one_age" if narrow else None


def folds_of(persons: NDArray[np.int64], folds: int = FOLDS, seed: int = SEED) -> NDArray[np.int64]:
    """Return the fold of each face, int (N,): persons are kept together, and folds have about equal size."""
    _, number, counts = np.unique(persons, return_inverse=True, return_counts=True)
    shuffled = np.random.default_rng(seed).permutation(len(counts))
    fold_of_person = np.zeros(len(counts), dtype=np.int64)
    sizes = np.zeros(folds, dtype=np.int64)
    for person in shuffled[np.argsort(-counts[shuffled], kind="stable")]:
        fold_of_person[person] = np.argmin(sizes)
        sizes[fold_of_person[person]] += counts[person]
    return fold_of_person[number]


def _left_out(faces: ReferenceFaces, fold: NDArray[np.int64]) -> dict[Method, Floats]:
    made = {method: faces.estimates_years.copy() for method in METHODS}
    for number in range(FOLDS):
        apart = fold == number
        rest, judged = faces.of(~apart), faces.of(apart)
        curve = fit_curve(rest)
        for method in METHODS[1:]:
            made[method][apart] = corrected(method, judged, rest, curve)
    return made


def _best(left_out: dict[Method, Floats], faces: ReferenceFaces) -> Method:
    """Return the simplest method that no other method beats by a standard error.

    Source: the one-standard-error rule of Breiman, Friedman, Olshen and Stone, "Classification and
    Regression Trees", 1984, section 3.4.3, here of the paired difference, clustered by person.
    """
    errors = {method: np.abs(made - faces.ages_years) for method, made in left_out.items()}
    best: Method = "none"
    for method in METHODS[1:]:
        gain = errors[best] - errors[method]
        if gain.mean() > 0 and gain.mean() >= LEAST_GAIN * standard_error(gain, faces.persons):
            best = method
    return best


def standard_error(values: Floats, persons: NDArray[np.int64]) -> float:
    """Return the standard error of the mean of values (N,), clustered by person.

    Source: Liang and Zeger, "Longitudinal data analysis using generalized linear models", Biometrika 73(1),
    1986: the cluster-robust variance of a mean, with the correction G / (G - 1) for G clusters.
    """
    _, number = np.unique(persons, return_inverse=True)
    sums = np.bincount(number, weights=values - values.mean())
    clusters = len(sums)
    return float(np.sqrt(np.sum(sums**2) * clusters / max(clusters - 1, 1)) / len(values))


def fit_curve(faces: ReferenceFaces) -> Curve:
    """Fit a monotone ridge regression of the residuals on hat functions.

    Knots are at quantiles of the estimates. Offsets are pulled towards zero, and are zero at both ends.
    """
    estimates, residuals = faces.estimates_years, faces.ages_years - faces.estimates_years
    knots = _knots(estimates)
    hats = _hats(estimates, knots)[:, 1:-1]
    offsets = np.linalg.solve(hats.T @ hats + CURVE_SHRINK * np.eye(hats.shape[1]), hats.T @ residuals)
    corrected = _monotone(knots, np.concatenate([[0.0], offsets, [0.0]]), hats.sum(axis=0))
    return Curve(tuple(knots.round(DECIMALS).tolist()), tuple(corrected.round(DECIMALS).tolist()))


def _knots(estimates_years: Floats) -> Floats:
    """Return the ends of the estimates and knots between them, float64 (K,), K >= 3."""
    inner = min(max(len(estimates_years) // FACES_A_KNOT, 2), MOST_KNOTS)
    shares = np.concatenate([[0.0], np.linspace(EDGE_SHARE, 1.0 - EDGE_SHARE, inner), [1.0]])
    wanted = np.quantile(estimates_years, shares).tolist()
    low, high = wanted[0], wanted[-1]
    knots = [low]
    for knot in wanted[1:-1]:
        if knot - knots[-1] >= LEAST_GAP_YEARS and high - knot >= LEAST_GAP_YEARS:
            knots.append(knot)
    middle = [] if len(knots) > 1 else [(low + high) / 2]
    return np.array([*knots, *middle, high])


def _hats(estimates_years: Floats, knots: Floats) -> Floats:
    """Return the weight of each knot for each estimate, float64 (N, K): linear interpolation."""
    return np.stack([np.interp(estimates_years, knots, row) for row in np.eye(len(knots))], axis=1)


def _monotone(knots: Floats, offsets: Floats, weights: Floats) -> Floats:
    """Return the nearest offsets for which the corrected estimate rises by at least `LEAST_SLOPE` a year.

    Source: the pool-adjacent-violators algorithm, Ayer et al., Annals of Mathematical Statistics 26(4), 1955.
    """
    rises = (1.0 - LEAST_SLOPE) * knots
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip((rises + offsets)[1:-1].tolist(), (weights + 1e-3).tolist(), strict=True):
        block = (value, weight, 1)
        while blocks and blocks[-1][0] > block[0]:
            before = blocks.pop()
            total = before[1] + block[1]
            mean = (before[0] * before[1] + block[0] * block[1]) / total
            block = (mean, total, before[2] + block[2])
        blocks.append(block)
    pooled = np.concatenate([np.full(count, value) for value, _, count in blocks])
    inner = np.clip(pooled, rises[0], rises[-1]) - rises[1:-1]
    return np.concatenate([[0.0], inner, [0.0]])


def corrected(method: Method, judged: ReferenceFaces, rest: ReferenceFaces, curve: Curve) -> Floats:
    """Return the estimates of N judged faces, float64 (N,), corrected by the rest, faces of other persons.

    The curve is fitted to the rest; the ages of the judged faces are not used.
    """
    made = judged.estimates_years.copy()
    residuals = rest.ages_years - rest.estimates_years
    if "curve" in method:
        made += curve.at(judged.estimates_years)
        residuals = residuals - curve.at(rest.estimates_years)
    if "local" in method:
        made += curve.cover(judged.estimates_years) * np.concatenate(
            [local_shift(*block) for block in _near(judged, rest, residuals)]
        )
    return np.maximum(made, 0.0)


def _near(judged: ReferenceFaces, rest: ReferenceFaces, residuals: Floats) -> Iterator[tuple[Floats, Near]]:
    count = min(NEIGHBOURS, len(rest))
    for start in range(0, len(judged), _ROWS_A_BLOCK):
        rows = slice(start, start + _ROWS_A_BLOCK)
        cosines = (judged.embeddings[rows] @ rest.embeddings.T).astype(np.float64)
        cosines[judged.persons[rows, None] == rest.persons[None, :]] = -1.0
        places = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
        far = np.sqrt(np.maximum(0.0, 2.0 - 2.0 * np.take_along_axis(cosines, places, axis=1)))
        yield judged.estimates_years[rows], Near(far, rest.estimates_years[places], residuals[places])


def range_of(left_out_years: Floats, ages_years: Floats) -> tuple[float, float]:
    """Return the low and high quantile of scaled residuals between which `COVERAGE` of ages lie.

    Each side is the ceil((n + 1) (1 - alpha / 2))-th of n residuals, as they come from left-out estimates.
    Source: Vovk, "Cross-conformal predictors", Annals of Mathematics and Artificial Intelligence 74, 2015.
    """
    scaled = np.sort((ages_years - left_out_years) / scale(left_out_years))
    rank = math.ceil((len(scaled) + 1) * (1.0 + COVERAGE) / 2.0)
    if rank > len(scaled):
        raise ValueError(f"{len(scaled)} residuals have no finite quantile of {COVERAGE:.0%}")
    return float(scaled[len(scaled) - rank]), float(scaled[rank - 1])


def _held(left_out_years: Floats, ages_years: Floats, fold: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether ages are within their range, bool (N,), from residuals of other folds."""
    held = np.empty(len(fold), dtype=np.bool_)
    for number in np.unique(fold):
        apart = fold == number
        rest = ~apart if np.count_nonzero(~apart) >= LEAST_RESIDUALS else np.ones_like(apart)
        low, high = range_of(left_out_years[rest], ages_years[rest])
        scaled = (ages_years[apart] - left_out_years[apart]) / scale(left_out_years[apart])
        held[apart] = (scaled >= low) & (scaled <= high)
    return held


def _score(made_years: Floats, ages_years: Floats, held: NDArray[np.bool_] | None = None) -> Score:
    errors = made_years - ages_years
    return Score(len(errors), _mean(np.abs(errors)), _mean(errors), None if held is None else _mean(held))


def _decades(
    faces: ReferenceFaces, corrected_years: Floats, held: NDArray[np.bool_] | None
) -> Iterator[Decade]:
    decades = (faces.ages_years // DECADE_YEARS).astype(int) * DECADE_YEARS
    for decade in np.unique(decades).tolist():
        there = decades == decade
        ages = faces.ages_years[there]
        corrected = _score(corrected_years[there], ages, None if held is None else held[there])
        yield Decade(decade, _score(faces.estimates_years[there], ages), corrected)
