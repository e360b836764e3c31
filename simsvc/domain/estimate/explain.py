"""Explaining an estimate by its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from simsvc.domain.estimate.age_prior import AgePrior
from simsvc.domain.estimate.flags import (
    DOUBTFUL,
    FEW_REFERENCE_FACES,
    NEIGHBOURS_DISAGREE,
    OUTSIDE_THE_PRIOR,
    PHOTO_IN_GALLERY,
    UNLIKE_THE_GALLERY,
)
from simsvc.domain.estimate.interval import interval
from simsvc.domain.estimate.rank import NOTHING, LeftOut
from simsvc.domain.estimate.rules import Rules
from simsvc.domain.estimate.support import LEAST_SUPPORT, support
from simsvc.domain.photo.quality import quality_flags
from simsvc.messages import N_, Message, joined
from simsvc.values import Estimate, Evidence, Neighbour, SupportScale

CLOSE_YEARS = 5.0
"""A reference face within five years supports the estimate. Source: the cumulative score CS@5; Geng, Zhou and
Smith-Miles, "Automatic Age Estimation Based on Facial Aging Patterns", IEEE TPAMI 29(12), 2007."""
LEAST_DISTANCE = 1e-3
"""Minimum distance, so that one weight does not dominate the others."""
FEW = 5
"""Minimum number of faces to support an estimate. Source: 2,128
validation faces of UTKFace against its training part: the mean of their nearest 1, 2, 3 and 4 faces lies
outside the range of 4.9, 2.0, 0.9 and 0.6 percent of them, that of 12 of 0.1 percent."""
NEAR_ENOUGH = 0.5
"""Distance (the harmonic mean of those to the faces compared) up to which their mean age should lie in the
range of the estimate. Source: 2,128 validation faces of UTKFace against galleries of 6 to 1,000 faces drawn
from its training part, all of it, those of 18 to 80 and those of 20 to 40 years: how far the mean lay
outside the range grew with that distance, and stayed below `YEARS_A_DISTANCE` for 99 of 100 faces. Against
the whole training part and the demo gallery 0.1 percent of validation and test faces lie beyond, and none of
25 portraits, 265 us_congress, 165 bundestag and 134 uk_parliament photos."""
YEARS_A_DISTANCE = 45.0
"""Years outside the range explained by each unit of distance beyond `NEAR_ENOUGH`; same source."""

ONE_FACE = N_("The most similar reference face has the known age %(label).0f.")
NONE_CLOSE = N_(
    "Of the %(count)s most similar reference faces, none are within %(years).0f years of the estimate."
)
ONE_CLOSE = N_(
    "Of the %(count)s most similar reference faces, %(close)s is within %(years).0f years of the estimate."
)
SOME_CLOSE = N_(
    "Of the %(count)s most similar reference faces, %(close)s are within %(years).0f years of the estimate."
)
AGES = N_(
    "Their ages run from %(youngest).0f to %(oldest).0f; the mean, weighted by similarity, is %(mean).0f."
)
APART = N_(
    "The estimate (%(age).0f) differs from the mean of these faces (%(mean).0f) because the model estimates "
    "the age from the photo itself; the reference faces are there to check it."
)
APART_YEARS = 1.0
"""Smaller differences come from rounding to whole years."""
NO_FACE = N_("There is no reference face to compare this face with.")
ONLY_ONE = N_(
    "There is only one reference face to compare this face with (known age %(labels)s), too few to support "
    "the estimate."
)
ONLY_FEW = N_(
    "There are only %(count)s reference faces to compare this face with (known ages %(labels)s), too few to "
    "support the estimate."
)
OWN_PHOTO = N_(
    "This photo is itself a reference face (known age %(labels)s), so it was left out of the comparison."
)
ONE_TORN = N_(
    "One photo appears several times among the reference faces with conflicting ages (%(labels)s), so it was "
    "left out of the comparison."
)
SOME_TORN = N_(
    "%(photos)s photos appear several times among the reference faces with conflicting ages, so they were "
    "left out of the comparison."
)


@dataclass(frozen=True, slots=True)
class Explanation:
    """The nearest faces: mean age, weighted by similarity, number within `CLOSE_YEARS`, and age span."""

    neighbours_age_years: float
    close: int
    count: int
    youngest_years: float
    oldest_years: float

    @property
    def evidence(self) -> Evidence:
        """The recorded figures."""
        return Evidence(self.neighbours_age_years, self.close, self.count)

    @property
    def sentence(self) -> Message:
        """The same for the person at the desk."""
        if self.count == 1:
            return Message(ONE_FACE, {"label": self.youngest_years})
        ends = {"youngest": self.youngest_years, "oldest": self.oldest_years}
        return joined(
            close_sentence(self.close, self.count), Message(AGES, {**ends, "mean": self.neighbours_age_years})
        )


def explain(age_years: float, neighbours: Sequence[Neighbour]) -> Explanation | None:
    """Return the agreement of the neighbours with the estimate, or None without neighbours.

    The mean weights each label by the inverse of its distance. Source: Shepard, "A two-dimensional
    interpolation function for irregularly-spaced data", ACM 1968, with power 1.
    """
    if not neighbours:
        return None
    ages = [near.age_years for near in neighbours]
    weights = [1.0 / max(near.distance, LEAST_DISTANCE) for near in neighbours]
    mean = sum(age * weight for age, weight in zip(ages, weights, strict=True)) / sum(weights)
    close = sum(abs(age - age_years) <= CLOSE_YEARS for age in ages)
    return Explanation(mean, close, len(ages), min(ages), max(ages))


def close_sentence(close: int, count: int) -> Message:
    """Say how many of the neighbours have an age close to the estimate."""
    template = NONE_CLOSE if close == 0 else ONE_CLOSE if close == 1 else SOME_CLOSE
    return Message(template, {"count": count, "close": close, "years": CLOSE_YEARS})


def why_sentence(estimate: Estimate) -> Message | None:
    """Say in one sentence what supports an estimate; `Estimate.sentence` says all of it."""
    evidence = estimate.evidence
    if evidence is None or evidence.count == 1:
        return estimate.sentence
    return close_sentence(evidence.close, evidence.count)


def apart_sentence(estimate: Estimate) -> Message | None:
    """Say why an estimate differs from the mean of its neighbours, or nothing where only rounding does."""
    age_years, evidence = estimate.age_years, estimate.evidence
    if age_years is None or evidence is None:
        return None
    mean_years = evidence.neighbours_age_years
    if abs(age_years - mean_years) < APART_YEARS:
        return None
    return Message(APART, {"age": age_years, "mean": mean_years})


def few_sentence(neighbours: Sequence[Neighbour]) -> Message:
    """Say that there are too few faces to support an estimate, fewer than `FEW`."""
    if not neighbours:
        return Message(NO_FACE)
    if len(neighbours) == 1:
        return Message(ONLY_ONE, {"labels": _labels(neighbours)})
    return Message(ONLY_FEW, {"count": len(neighbours), "labels": _labels(neighbours)})


def left_out_sentences(left_out: LeftOut) -> list[Message]:
    """Say which faces have no part in the comparison."""
    said = []
    if left_out.own:
        said.append(Message(OWN_PHOTO, {"labels": _labels(left_out.own)}))
    if len(left_out.contradictory) == 1:
        said.append(Message(ONE_TORN, {"labels": _labels(left_out.contradictory[0])}))
    elif left_out.contradictory:
        said.append(Message(SOME_TORN, {"photos": len(left_out.contradictory)}))
    return said


def contradicts(
    mean_years: float, interval_years: tuple[float, float], neighbours: Sequence[Neighbour]
) -> bool:
    """Return whether the neighbours' mean age is further outside the range than their distance explains."""
    low, high = interval_years
    outside_years = max(low - mean_years, mean_years - high)
    nearness = sum(1.0 / max(near.distance, LEAST_DISTANCE) for near in neighbours) / len(neighbours)
    explained_years = YEARS_A_DISTANCE * max(0.0, 1.0 / nearness - NEAR_ENOUGH)
    return outside_years > explained_years


def explained(
    seen: Estimate,
    found: Sequence[Neighbour],
    scale: SupportScale | None,
    rules: Rules,
    left_out: LeftOut = NOTHING,
    prior: AgePrior | None = None,
) -> Estimate:
    """Return an estimate with range, evidence, support, flags and referral added.

    `found` has all comparable faces, nearest first, and `seen` those shown; the age prior of `seen`, if any,
    limits the range.
    """
    age_years = seen.age_years
    assert age_years is not None  # noqa: S101 - for mypy; only estimates with an age get here
    calibration = rules.calibration
    range_years, coverage = seen.interval_years, seen.coverage
    if range_years is None and calibration:
        range_years, coverage = interval(age_years, calibration, seen.doubt), calibration.coverage
    if range_years and prior:
        range_years = prior.within(range_years)
    few = len(found) < FEW
    explanation = None if few else explain(age_years, seen.neighbours)
    bearing = explanation.sentence if explanation else few_sentence(seen.neighbours)
    share = support(found, scale)
    disagree = (
        explanation is not None
        and range_years is not None
        and contradicts(explanation.neighbours_age_years, range_years, seen.neighbours)
    )
    unsure = {
        NEIGHBOURS_DISAGREE: disagree,
        DOUBTFUL: rules.is_doubtful(seen.doubt),
        OUTSIDE_THE_PRIOR: _is_outside(seen, prior),
    }
    unsure_flags = [flag for flag, raised in unsure.items() if raised]
    severe = (*rules.severe_flags(seen.quality, share), *unsure_flags)
    evidence_flags = _evidence_flags(left_out, few=few)
    raised = (*seen.flags, *evidence_flags, *_support_flags(share), *_quality_flags(seen, rules), *severe)
    flags = tuple(dict.fromkeys(raised))
    return replace(
        seen,
        sentence=joined(*left_out_sentences(left_out), bearing),
        interval_years=range_years,
        coverage=coverage,
        evidence=explanation.evidence if explanation else None,
        support=share,
        flags=flags,
        refer_reason=rules.refer_reason(flags, severe),
    )


def _is_outside(seen: Estimate, prior: AgePrior | None) -> bool:
    used = seen.age_prior
    return prior is not None and used is not None and not prior.allows(used.model_age_years)


def _evidence_flags(left_out: LeftOut, *, few: bool) -> tuple[str, ...]:
    raised = {PHOTO_IN_GALLERY: left_out.own, FEW_REFERENCE_FACES: few}
    return tuple(flag for flag, reason in raised.items() if reason)


def _labels(faces: Sequence[Neighbour]) -> str:
    ages = [near.age_years for near in faces]
    youngest, oldest = f"{min(ages):.0f}", f"{max(ages):.0f}"
    return youngest if youngest == oldest else f"{youngest}-{oldest}"


def _support_flags(share: float | None) -> tuple[str, ...]:
    return (UNLIKE_THE_GALLERY,) if share is not None and share < LEAST_SUPPORT else ()


def _quality_flags(seen: Estimate, rules: Rules) -> tuple[str, ...]:
    return quality_flags(seen.quality, rules.thresholds) if seen.quality else ()
