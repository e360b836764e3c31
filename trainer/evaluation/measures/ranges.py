"""The model's own 90% ranges, as the service gives them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simsvc.adapters.inference.bundle import Bundle
from simsvc.domain.estimate.doubt import Doubt, answer_of, parse_doubt
from simsvc.domain.estimate.interval import Calibration, interval, parse_calibration
from simsvc.values import Prediction

Floats = NDArray[np.float64]


def calibration_of(bundle: Bundle) -> Calibration | None:
    """Return the calibration in a bundle's model.json, or None where it has none.

    Raises:
        BundleDamaged: it cannot be understood, or was measured on another model.
    """
    raw = bundle.raw.get("calibration")
    return None if raw is None else parse_calibration(raw, bundle.sha256)


def doubt_of(bundle: Bundle) -> Doubt | None:
    """Return the doubt score in a bundle's model.json, or None where it has none.

    Raises:
        BundleDamaged: it cannot be understood, or was fitted on another model.
    """
    raw = bundle.raw.get("doubt")
    return None if raw is None else parse_doubt(raw, bundle.sha256)


def doubts(prediction: Prediction, score: Doubt | None) -> Floats:
    """Return the doubt score of each face of a prediction, float64 (N,), NaN where it has none."""
    answers = [answer_of(prediction, row) for row in range(len(prediction.ages_years))]
    return np.array([score.score(answer) if score and answer else np.nan for answer in answers])


def ranges(estimates_years: Floats, scores: Floats, own: Calibration) -> Floats:
    """Return float64 (N, 2), the ends of the ranges of N estimates with their doubt scores, NaN for none."""
    pairs = zip(estimates_years.tolist(), scores.tolist(), strict=True)
    ends = [interval(age, own, None if np.isnan(score) else score) for age, score in pairs]
    return np.array(ends, dtype=np.float64).reshape(-1, 2)
