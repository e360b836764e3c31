"""Evaluation of site calibration: fitted to some faces of a set, tested on other persons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simsvc.domain.calibration.fit import ReferenceFaces, corrected, fit
from simsvc.domain.calibration.site_calibration import blended, scale
from simsvc.values.site_calibration import Floats, Method, SiteCalibration
from trainer.evaluation.measures.conformal import covered

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Errors:
    """Mean absolute error, mean of estimate less label, and share of labels in the range (None: no range)."""

    mae_years: float
    bias_years: float
    held: float | None


@dataclass(frozen=True, slots=True)
class Draw:
    """One split of a set: `fitted` faces calibrate, `judged` ones are tested."""

    fitted: int
    judged: int
    method: Method
    without: Errors
    with_it: Errors

    @property
    def gain_years(self) -> float:
        """By how much the mean absolute error falls."""
        return self.without.mae_years - self.with_it.mae_years


def half(persons: NDArray[np.int64], seed: int) -> Bools:
    """Return which faces, bool (N,), belong to a random half of the persons."""
    names = np.unique(persons)
    return np.isin(persons, np.random.default_rng(seed).permutation(names)[: len(names) // 2])


def some(count: int, wanted: int, seed: int) -> Bools:
    """Return `wanted` random faces of `count`, bool (N,)."""
    chosen = np.zeros(count, dtype=np.bool_)
    chosen[np.random.default_rng(seed).permutation(count)[:wanted]] = True
    return chosen


def draw(faces: ReferenceFaces, fitted: Bools, own: Floats | None, model_sha256: str) -> Draw:
    """Fit a calibration to the `fitted` faces, bool (N,), and test it on all faces of other persons.

    `own` has the model's own ranges, float64 (N, 2), if it has any.
    """
    judged = ~np.isin(faces.persons, faces.persons[fitted])
    rest, asked = faces.of(fitted), faces.of(judged)
    site = fit(rest, model_sha256).calibration
    before = None if own is None else own[judged]
    made, after = _calibrated(site, asked, rest, before)
    without = _errors(asked.estimates_years, asked.ages_years, before)
    return Draw(len(rest), len(asked), site.method, without, _errors(made, asked.ages_years, after))


def _calibrated(
    site: SiteCalibration, asked: ReferenceFaces, rest: ReferenceFaces, own: Floats | None
) -> tuple[Floats, Floats | None]:
    """Return estimates (N,) and ranges (N, 2) as the service gives them: see `domain.estimate.corrected`."""
    if site.curve is None or site.low is None or site.high is None:
        return asked.estimates_years, own
    made = corrected(site.method, asked, rest, site.curve)
    ends = np.maximum(0.0, made[:, None] + np.outer(scale(made), (site.low, site.high)))
    cover = site.curve.cover(asked.estimates_years).tolist()
    models = [None] * len(made) if own is None else [(low, high) for low, high in own.tolist()]
    pairs = zip(ends.tolist(), models, cover, strict=True)
    return made, np.array([blended((low, high), model, share) for (low, high), model, share in pairs])


def _errors(made_years: Floats, ages_years: Floats, ends: Floats | None) -> Errors:
    errors = made_years - ages_years
    held = None if ends is None else float(covered(ends, ages_years).mean())
    return Errors(float(np.abs(errors).mean()), float(errors.mean()), held)


def summary(draws: Sequence[Draw]) -> dict[str, object]:
    """Return the means over draws, the worst change, and how often each method was chosen."""
    return {
        "draws": len(draws),
        "fitted": round(float(np.mean([one.fitted for one in draws])), 1),
        "judged": round(float(np.mean([one.judged for one in draws])), 1),
        "without": _mean([one.without for one in draws]),
        "with": _mean([one.with_it for one in draws]),
        "least_gain_years": round(min(one.gain_years for one in draws), 4),
        "methods": dict(Counter(one.method for one in draws)),
    }


def _mean(errors: Sequence[Errors]) -> dict[str, float | None]:
    held = [one.held for one in errors if one.held is not None]
    return {
        "mae_years": round(float(np.mean([one.mae_years for one in errors])), 4),
        "bias_years": round(float(np.mean([one.bias_years for one in errors])), 4),
        "held": round(float(np.mean(held)), 4) if held else None,
    }
