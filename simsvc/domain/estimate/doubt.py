"""The doubt score: a prediction of the error of an estimate from the model's own output.

The score is linear in a few measures of the distribution and predicts ln(1 + absolute error in years).
`python -m trainer doubt` fits its weights, which are stored in model.json.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from simsvc.domain.estimate.age_distribution import Shares, deviation_years, quantile_years
from simsvc.errors import BundleDamaged
from simsvc.values import Prediction

FORMAT = 1
"""Format version of `doubt` in model.json; others are refused."""
VIEW_YEARS = 0.5
"""Added to the disagreement of the views before taking the logarithm."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The model's output for one face: its estimate, its distribution, and the estimate from each view."""

    age_years: float
    shares: Shares
    view_ages_years: tuple[float, ...]


def _log_width(answer: Answer) -> float:
    low, high = (quantile_years(answer.shares, share) for share in (0.05, 0.95))
    return math.log(high - low + 1.0)


def _log_views(answer: Answer) -> float:
    return math.log(max(answer.view_ages_years) - min(answer.view_ages_years) + VIEW_YEARS)


MEASURES: Mapping[str, Callable[[Answer], float]] = {
    "log_spread": lambda answer: math.log(deviation_years(answer.shares) + 1.0),
    "log_width": _log_width,
    "log_views": _log_views,
    "age": lambda answer: answer.age_years / 10.0,
    "age_squared": lambda answer: (answer.age_years / 50.0) ** 2,
}
"""Measures by name in model.json: ln(standard deviation + 1), ln(width of the middle 90% + 1), ln(range of
the views' estimates + `VIEW_YEARS`), the estimate in decades, and its square in units of 50 years.

Chosen by the share of errors over 15 years among the most doubtful 5% of each source, sources left out (model
face-dino-195): support, ages of the nearest reference faces, photo quality, and estimates from re-framed,
grey and small crops did not improve it, and the first two would tie it to a gallery.
"""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A fitted score, linear in `MEASURES`, and the threshold above which an estimate needs review."""

    weights: Mapping[str, float]
    constant: float
    threshold: float
    model_sha256: str

    def score(self, answer: Answer) -> float:
        """Return the score of an answer: the predicted ln(1 + absolute error in years)."""
        return self.of({name: MEASURES[name](answer) for name in self.weights})

    def of(self, measures: Mapping[str, float]) -> float:
        """Return the score of an answer's measures, by their names in `MEASURES`."""
        return self.constant + sum(weight * measures[name] for name, weight in self.weights.items())


def expected_error_years(score: float) -> float:
    """Return the absolute error in years that a score predicts."""
    return max(0.0, math.exp(score) - 1.0)


def answer_of(prediction: Prediction, row: int = 0) -> Answer | None:
    """Return the output for one face of a prediction, or None for a model without a distribution."""
    if prediction.age_shares is None or prediction.view_ages_years is None:
        return None
    views = tuple(float(age) for age in prediction.view_ages_years[row])
    return Answer(float(prediction.ages_years[row]), prediction.age_shares[row].astype(np.float64), views)


def parse_doubt(raw: object, model_sha256: str) -> Doubt:
    """Read the `doubt` entry of model.json for the bundle's model.onnx.

    Raises:
        BundleDamaged: it is not valid, or was fitted on another model.
    """
    try:
        doubt = _doubt(raw)
    except (KeyError, TypeError, ValueError):
        raise BundleDamaged("doubt") from None
    if doubt.model_sha256 != model_sha256:
        raise BundleDamaged("doubt_model")
    return doubt


def _doubt(raw: object) -> Doubt:
    if not isinstance(raw, dict) or raw["format"] != FORMAT or not set(raw["weights"]) <= set(MEASURES):
        raise ValueError("another format")
    weights = {name: _number(weight) for name, weight in raw["weights"].items()}
    return Doubt(weights, _number(raw["constant"]), _number(raw["threshold"]), str(raw["model_sha256"]))


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise TypeError(f"{value!r} is no number")
    return float(value)
