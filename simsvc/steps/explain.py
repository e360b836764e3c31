"""Neighbours and estimate to what the evidence says, in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from simsvc.steps.flags import UNLIKE_THE_GALLERY
from simsvc.steps.interval import interval
from simsvc.steps.quality import quality_flags
from simsvc.steps.rules import Rules
from simsvc.steps.support import LEAST_SUPPORT, support
from simsvc.values import Estimate, Evidence, Neighbour, SupportScale

CLOSE_YEARS = 5.0
"""A labelled face within five years supports the estimate. Source: the cumulative score CS@5 by which age
estimators are compared; Geng, Zhou and Smith-Miles, "Automatic Age Estimation Based on Facial Aging
Patterns", IEEE TPAMI 29(12), 2007."""
LEAST_DISTANCE = 1e-3
"""Nearer than this, distances differ by rounding only: it keeps one weight from drowning the others."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """How far the nearest labelled faces agree with the estimate.

    Attributes:
        neighbours_age_years: their mean age, weighted by nearness.
        close: how many lie within `CLOSE_YEARS` of the estimate.
        count: how many there are.
        youngest_years: lowest label.
        oldest_years: highest label.
    """

    neighbours_age_years: float
    close: int
    count: int
    youngest_years: float
    oldest_years: float

    @property
    def evidence(self) -> Evidence:
        """The figures of it that go on record."""
        return Evidence(self.neighbours_age_years, self.close, self.count)

    @property
    def sentence(self) -> str:
        """The same for the person at the desk."""
        return (
            f"Of the {self.count} labelled faces that look most alike, {self.close or 'none'} "
            f"{'is' if self.close == 1 else 'are'} within {CLOSE_YEARS:.0f} years of the estimate. "
            f"Their ages run from {self.youngest_years:.0f} to {self.oldest_years:.0f}; "
            f"their mean, weighted by nearness, is {self.neighbours_age_years:.0f}."
        )


def explain(age_years: float, neighbours: Sequence[Neighbour]) -> Explanation | None:
    """Return what the neighbours say of the estimate, or None where there are none.

    The mean weighs each label by the inverse of its distance.
    Source: Shepard, "A two-dimensional interpolation function for irregularly-spaced data", ACM 1968, with
    power 1.
    """
    if not neighbours:
        return None
    ages = [near.age_years for near in neighbours]
    weights = [1.0 / max(near.distance, LEAST_DISTANCE) for near in neighbours]
    mean = sum(age * weight for age, weight in zip(ages, weights, strict=True)) / sum(weights)
    close = sum(abs(age - age_years) <= CLOSE_YEARS for age in ages)
    return Explanation(mean, close, len(ages), min(ages), max(ages))


def explained(
    seen: Estimate, found: Sequence[Neighbour], scale: SupportScale | None, rules: Rules
) -> Estimate:
    """Return an estimate with all that can be said about it: interval, evidence, support, flags, referral.

    Args:
        seen: age, neighbours, quality and the flags so far.
        found: all that the index found, nearest first, of which `seen` has those that are shown.
        scale: of the index.
        rules: of the model.
    """
    age_years = seen.age_years
    assert age_years is not None  # noqa: S101 - told to mypy; only judged faces come here
    explanation, calibration = explain(age_years, seen.neighbours), rules.calibration
    share = support(found, scale)
    severe = rules.severe_flags(seen.quality, share)
    raised = (*seen.flags, *_support_flags(share), *_quality_flags(seen, rules), *severe)
    flags = tuple(dict.fromkeys(raised))
    return replace(
        seen,
        sentence=explanation.sentence if explanation else None,
        interval_years=interval(age_years, calibration) if calibration else None,
        coverage=calibration.coverage if calibration else None,
        evidence=explanation.evidence if explanation else None,
        support=share,
        flags=flags,
        refer_reason=rules.refer_reason(flags, severe),
    )


def _support_flags(share: float | None) -> tuple[str, ...]:
    return (UNLIKE_THE_GALLERY,) if share is not None and share < LEAST_SUPPORT else ()


def _quality_flags(seen: Estimate, rules: Rules) -> tuple[str, ...]:
    return quality_flags(seen.quality, rules.thresholds) if seen.quality else ()
