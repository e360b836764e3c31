"""Applying the site calibration to an estimate, and its explanation in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from simsvc.domain.calibration.fit import LEAST_FACES, LEAST_PERSONS
from simsvc.domain.calibration.site_calibration import NearFace, blended, correct
from simsvc.domain.estimate.interval import Calibration, interval
from simsvc.values import AppliedCalibration, Estimate, FoundFace, Neighbour
from simsvc.values.site_calibration import SiteCalibration

COMPOSITES = "No site calibration: the reference faces are composites."
FEW_FACES = "No site calibration: only {0} of the {1} reference faces of real people that it needs."
ONE_PERSON = "No site calibration: all reference faces show one person."
FEW_PERSONS = "No site calibration: the reference faces show {0} people; it needs at least {1}."
ONE_AGE = "No site calibration: the reference faces are all of about the same age."
TRAINING = "No site calibration: the model was trained on these reference faces."
NO_GAIN = "No site calibration: on your {0} reference faces no correction was reliably better than the model."
AGE_PRIOR = "No site calibration: an age prior is in use."
OLD = "On your {0} reference faces the model reads {1} years too old; corrected by {2}."
YOUNG = "On your {0} reference faces the model reads {1} years too young; corrected by {2}."
LEVEL = "On your {0} reference faces the model is right on average; corrected by {1}."
OUTSIDE = "Not corrected: this estimate is outside the ages of your {0} reference faces."
BUILD_OLD = (
    "On your {0} reference faces the model reads {1} years too old; "
    "corrected, its mean error falls from {2} to {3} years."
)
BUILD_YOUNG = (
    "On your {0} reference faces the model reads {1} years too young; "
    "corrected, its mean error falls from {2} to {3} years."
)
BUILD_LEVEL = (
    "On your {0} reference faces the model is right on average; "
    "corrected, its mean error falls from {1} to {2} years."
)
SENTENCES = (
    *(COMPOSITES, FEW_FACES, ONE_PERSON, FEW_PERSONS, ONE_AGE, TRAINING, NO_GAIN, AGE_PRIOR),
    *(OLD, YOUNG, LEVEL, OUTSIDE, BUILD_OLD, BUILD_YOUNG, BUILD_LEVEL),
)
LEVEL_YEARS = 0.5
"""Smaller biases round to zero."""


def calibrated(
    seen: Estimate, found: Sequence[Neighbour], site: SiteCalibration | None, model: Calibration | None
) -> Estimate:
    """Return an estimate corrected by a site calibration, with the site's range.

    Estimates with an age prior are not corrected, because the reference faces were estimated without it.

    Args:
        seen: with the model's own estimate.
        found: faces that may be compared, nearest first.
        site: of the index build, or None.
        model: calibration of the model's own ranges, or None.
    """
    raw_years = seen.age_years
    if site is None or raw_years is None:
        return seen
    if seen.age_prior is not None and site.reason is None:
        site = replace(site, **_NO_CORRECTION)
    made = correct(raw_years, _correcting(found), site)
    shift_years = made.age_years - raw_years
    applied = AppliedCalibration(
        *(site.method, site.reason, site.faces, site.persons),
        *(site.bias_years, shift_years, made.cover),
    )
    corrected = replace(seen, age_years=made.age_years, raw_age_years=raw_years, calibration=applied)
    if made.interval_years is None:
        return corrected
    own = interval(raw_years, model) if model else None
    ends = blended(made.interval_years, own, made.cover)
    return replace(corrected, interval_years=ends, coverage=site.coverage)


def calibration_sentence(applied: AppliedCalibration) -> str:
    """Describe the effect of a site calibration on an estimate, or why it has none."""
    faces, bias_years = f"{applied.faces:,}", applied.bias_years
    if applied.reason is not None:
        return no_calibration_sentence(applied.reason, applied.faces, applied.persons)
    if applied.cover == 0.0:
        return OUTSIDE.format(faces)
    shift = f"{applied.shift_years:+.1f}"
    if abs(bias_years) < LEVEL_YEARS:
        return LEVEL.format(faces, shift)
    form = OLD if bias_years > 0 else YOUNG
    return form.format(faces, f"{abs(bias_years):.0f}", shift)


def build_sentence(site: SiteCalibration) -> str:
    """Describe the site calibration of a build."""
    if site.reason is not None:
        return no_calibration_sentence(site.reason, site.faces, site.persons)
    scores = {candidate.method: candidate.score for candidate in site.candidates}
    errors = f"{scores['none'].mae_years:.1f}", f"{scores[site.method].mae_years:.1f}"
    faces, bias_years = f"{site.faces:,}", site.bias_years
    if abs(bias_years) < LEVEL_YEARS:
        return BUILD_LEVEL.format(faces, *errors)
    form = BUILD_OLD if bias_years > 0 else BUILD_YOUNG
    return form.format(faces, f"{abs(bias_years):.0f}", *errors)


def no_calibration_sentence(reason: str, faces: int, persons: int) -> str:
    """Explain why there is no site calibration; for `reason` see `values.site_calibration.REASONS`."""
    form = _REASONS[reason]
    figures: tuple[object, ...] = {
        FEW_FACES: (faces, LEAST_FACES),
        FEW_PERSONS: (persons, LEAST_PERSONS),
        NO_GAIN: (f"{faces:,}",),
    }.get(form, ())
    return form.format(*figures)


_NO_CORRECTION: dict[str, Any] = {
    "method": "none",
    "reason": "age_prior",
    "curve": None,
    "low": None,
    "high": None,
}
_REASONS = {
    "composites": COMPOSITES,
    "few_faces": FEW_FACES,
    "one_person": ONE_PERSON,
    "few_persons": FEW_PERSONS,
    "one_age": ONE_AGE,
    "training": TRAINING,
    "no_gain": NO_GAIN,
    "age_prior": AGE_PRIOR,
}


def _correcting(found: Sequence[Neighbour]) -> list[NearFace]:
    """Return the real faces with a known estimate of the model."""
    return [
        NearFace(near.distance, near.raw_estimate_years, near.age_years)
        for near in found
        if isinstance(near, FoundFace) and near.raw_estimate_years is not None
    ]
