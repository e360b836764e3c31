"""Applying the site calibration to an estimate, and its explanation in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from simsvc.domain.calibration.fit import LEAST_FACES, LEAST_PERSONS
from simsvc.domain.calibration.site_calibration import NearFace, blended, correct
from simsvc.domain.estimate.interval import Calibration, interval
from simsvc.messages import N_, Message
from simsvc.values import AppliedCalibration, Estimate, FoundFace, Neighbour
from simsvc.values.site_calibration import SiteCalibration

OLD = N_(
    "On your %(faces)s reference faces, the model estimates %(bias).0f years too old; corrected by "
    "%(shift)+.1f."
)
YOUNG = N_(
    "On your %(faces)s reference faces, the model estimates %(bias).0f years too young; corrected by "
    "%(shift)+.1f."
)
LEVEL = N_("On your %(faces)s reference faces, the model is right on average; corrected by %(shift)+.1f.")
OUTSIDE = N_("Not corrected: this estimate is outside the ages of your %(faces)s reference faces.")
BUILD_OLD = N_(
    "On your %(faces)s reference faces, the model estimates %(bias).0f years too old. Calibration reduces "
    "the mean error from %(before).1f to %(after).1f years."
)
BUILD_YOUNG = N_(
    "On your %(faces)s reference faces, the model estimates %(bias).0f years too young. Calibration reduces "
    "the mean error from %(before).1f to %(after).1f years."
)
BUILD_LEVEL = N_(
    "On your %(faces)s reference faces, the model is right on average. Calibration reduces the mean error "
    "from %(before).1f to %(after).1f years."
)
LEVEL_YEARS = 0.5
"""Smaller biases round to zero."""


def calibrated(
    seen: Estimate, found: Sequence[Neighbour], site: SiteCalibration | None, model: Calibration | None
) -> Estimate:
    """Return an estimate corrected by a site calibration, with the site's range.

    Estimates with an age prior are not corrected, because the reference faces were estimated without it. The
    faces found may be compared, nearest first; `model` calibrates the model's own ranges.
    """
    raw_years = seen.age_years
    if site is None or raw_years is None:
        return seen
    if seen.age_prior is not None and site.reason is None:
        site = replace(site, method="none", reason="age_prior", curve=None, low=None, high=None)
    made = correct(raw_years, _correcting(found), site)
    shift_years = made.age_years - raw_years
    applied = AppliedCalibration(
        *(site.method, site.reason, site.faces, site.persons), *(site.bias_years, shift_years, made.cover)
    )
    corrected = replace(seen, age_years=made.age_years, raw_age_years=raw_years, calibration=applied)
    if made.interval_years is None:
        return corrected
    own = interval(raw_years, model, seen.doubt) if model else None
    ends = blended(made.interval_years, own, made.cover)
    return replace(corrected, interval_years=ends, coverage=site.coverage)


def calibration_sentence(applied: AppliedCalibration) -> Message:
    """Say what a site calibration did to an estimate, or why it did nothing."""
    if applied.reason is not None:
        return no_calibration_sentence(applied.reason, applied.faces, applied.persons)
    bias_years, figures = applied.bias_years, {"faces": f"{applied.faces:,}"}
    if applied.cover == 0.0:
        return Message(OUTSIDE, figures)
    template = LEVEL if abs(bias_years) < LEVEL_YEARS else OLD if bias_years > 0 else YOUNG
    return Message(template, {**figures, "bias": abs(bias_years), "shift": applied.shift_years})


def build_sentence(site: SiteCalibration) -> Message:
    """Say what the site calibration of a build is."""
    if site.reason is not None:
        return no_calibration_sentence(site.reason, site.faces, site.persons)
    bias_years = site.bias_years
    template = BUILD_LEVEL if abs(bias_years) < LEVEL_YEARS else BUILD_OLD if bias_years > 0 else BUILD_YOUNG
    scores = {candidate.method: candidate.score for candidate in site.candidates}
    errors = {"before": scores["none"].mae_years, "after": scores[site.method].mae_years}
    return Message(template, {"faces": f"{site.faces:,}", "bias": abs(bias_years), **errors})


def no_calibration_sentence(reason: str, faces: int, persons: int) -> Message:
    """Say why there is no site calibration; `reason` as `domain.calibration.site_calibration` has it."""
    least = {"least_faces": LEAST_FACES, "least_persons": LEAST_PERSONS}
    return Message(REASONS[reason], {"faces": f"{faces:,}", "persons": persons, **least})


REASONS = {
    "composites": N_("No site calibration: the reference faces are composites."),
    "few_faces": N_(
        "No site calibration: only %(faces)s reference faces of real people; at least %(least_faces)s are "
        "needed."
    ),
    "one_person": N_("No site calibration: all reference faces show the same person."),
    "few_persons": N_(
        "No site calibration: the reference faces show only %(persons)s people; at least %(least_persons)s "
        "are needed."
    ),
    "one_age": N_("No site calibration: the reference faces are all about the same age."),
    "training": N_("No site calibration: the model was trained on these reference faces."),
    "no_gain": N_(
        "No site calibration: no correction was reliably better than the model on your %(faces)s reference "
        "faces."
    ),
    "age_prior": N_("No site calibration: an age prior is in use."),
}


def _correcting(found: Sequence[Neighbour]) -> list[NearFace]:
    return [
        NearFace(near.distance, near.raw_estimate_years, near.age_years)
        for near in found
        if isinstance(near, FoundFace) and near.raw_estimate_years is not None
    ]
