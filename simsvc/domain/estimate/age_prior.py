"""The age prior: how common each age is among applicants, and its effect on estimates.

The model's distribution is the likelihood of each age up to a factor, because its head is exported with
offsets that remove the training faces' age distribution (`trainer.training.age_prior`). So it is simply
multiplied by the prior. Source: Bayes' rule; Saerens, Latinne and Decaestecker, "Adjusting the outputs of a
classifier to new a priori probabilities", Neural Computation 14(1), 2002, equation 2.4.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simsvc.domain.estimate.age_distribution import AGES, Shares, point_years
from simsvc.errors import SettingsError
from simsvc.values import FloatVector

OLDEST_YEARS = AGES - 1
MOST_SHOWN = 40
"""Maximum length of a displayed prior; longer ones are shortened to the first and last pair."""
LEAST_SHARE = 1e-6
"""Minimum share of each age before the prior is applied, so that no age is impossible. Source: Cromwell's
rule; Lindley, "Making Decisions", 2nd edition, 1985, section 6.7. Smaller softmax shares in float32 and int8
are noise."""
_SPAN = re.compile(r"(\d{1,9})\s*-\s*(\d{1,9})")
_PAIR = re.compile(r"(\d{1,9})\s*[:=]\s*(\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?)")
_BETWEEN = re.compile(r"[,;\s]+")
_AROUND_SIGN = re.compile(r"\s*([:=])\s*")


@dataclass(frozen=True, slots=True)
class AgePrior:
    """Weights of the ages 0 to 100, at least 0, not all 0, and text that parses to them, such as "18-75"."""

    text: str
    weights: tuple[float, ...]

    def __str__(self) -> str:
        return self.text

    @property
    def short(self) -> str:
        """The displayed text."""
        return short_prior(self.text)

    @property
    def sha256(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def span_years(self) -> tuple[int, int]:
        """The youngest and oldest age with a weight."""
        ages = [age for age, weight in enumerate(self.weights) if weight > 0]
        return ages[0], ages[-1]

    def allows(self, age_years: float) -> bool:
        """Return whether an age is within the span, plus half a year at each end."""
        youngest, oldest = self.span_years
        return youngest - 0.5 <= age_years <= oldest + 0.5

    def within(self, interval_years: tuple[float, float]) -> tuple[float, float]:
        """Return a range, cut to the span."""
        youngest, oldest = self.span_years
        low, high = (float(min(max(end, youngest), oldest)) for end in interval_years)
        return low, high


def short_prior(text: str) -> str:
    """Return the displayed text of a prior, shortened to its first and last pairs if long."""
    if len(text) <= MOST_SHOWN:
        return text
    first, *_, last = text.split(",")
    return f"{first},...,{last}"


def parse_age_prior(text: str, named: str = "SIMSVC_AGE_PRIOR") -> AgePrior:
    """Parse a span "18-75" with equal weights, or pairs "18:3, 19:4.5" of age and weight in any order.

    Pairs may also be on separate lines; other ages have no weight. Error messages call the prior `named`.

    Raises:
        SettingsError: it is not valid, an age is outside 0 to 100 years or repeated, or the weights sum to
            zero.
    """
    span = _SPAN.fullmatch(text.strip())
    if span:
        youngest, oldest = int(span[1]), int(span[2])
        if not youngest <= oldest <= OLDEST_YEARS:
            raise SettingsError(
                "prior_span", setting=named, youngest=youngest, oldest=oldest, oldest_years=OLDEST_YEARS
            )
        weights = tuple(float(youngest <= age <= oldest) for age in range(AGES))
        return AgePrior(f"{youngest}-{oldest}", weights)
    return _of_pairs(_pairs(text, named), named)


def reweighted(shares: FloatVector, prior: AgePrior) -> Shares:
    """Return the model's distribution of a face, float32 (AGES,), with a prior: float64, summing to 1."""
    likely: NDArray[np.float64] = np.maximum(shares.astype(np.float64), LEAST_SHARE)
    weights = np.asarray(prior.weights) / max(prior.weights)
    found: Shares = likely * weights
    found /= found.sum()
    return found


def estimate_under(shares: FloatVector, prior: AgePrior, point: str) -> float:
    """Return the estimate in years with a prior, like `point_years`, within its span."""
    youngest, oldest = prior.span_years
    return min(max(point_years(reweighted(shares, prior), point), float(youngest)), float(oldest))


def _pairs(text: str, named: str) -> list[tuple[int, float]]:
    parts = [part for part in _BETWEEN.split(_AROUND_SIGN.sub(r"\1", text.strip())) if part]
    matches = [_PAIR.fullmatch(part) for part in parts]
    pairs = [(int(match[1]), float(match[2])) for match in matches if match]
    if not pairs or len(pairs) < len(parts):
        wrong = next((part for part, match in zip(parts, matches, strict=True) if not match), "empty")
        raise SettingsError("prior", setting=named, wrong=wrong[:40])
    return pairs


def _of_pairs(pairs: list[tuple[int, float]], named: str) -> AgePrior:
    ages = [age for age, _ in pairs]
    outside = next((age for age in ages if age > OLDEST_YEARS), None)
    if outside is not None:
        raise SettingsError("prior_outside", setting=named, age_years=outside, oldest_years=OLDEST_YEARS)
    twice = next((age for age in ages if ages.count(age) > 1), None)
    if twice is not None:
        raise SettingsError("prior_twice", setting=named, age_years=twice)
    weights = dict(pairs)
    total = sum(weights.values())
    if not 0 < total < np.inf:
        raise SettingsError("prior_sum", setting=named, total="nothing" if total == 0 else "no number")
    kept = sorted((age, weight) for age, weight in weights.items() if weight > 0)
    text = ",".join(f"{age}:{weight!r}" for age, weight in kept)
    return AgePrior(text, tuple(weights.get(age, 0.0) for age in range(AGES)))
