"""The site calibration in a manifest."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from simsvc.values.site_calibration import Candidate, Curve, Decade, Score, SiteCalibration


def document(calibration: SiteCalibration) -> dict[str, Any]:
    """Return a calibration ready for manifest.json."""
    return asdict(calibration)


def parsed(raw: dict[str, Any]) -> SiteCalibration:
    """Read a calibration written by `document`.

    Raises:
        KeyError, TypeError, ValueError: it is not a calibration.
    """
    fields = dict(raw)
    curve, ages = fields.pop("curve"), fields.pop("ages_years")
    candidates, decades = fields.pop("candidates"), fields.pop("decades")
    return SiteCalibration(
        **fields,
        curve=curve and Curve(tuple(curve["knots_years"]), tuple(curve["offsets_years"])),
        ages_years=ages and (ages[0], ages[1]),
        candidates=tuple(Candidate(one["method"], Score(**one["score"])) for one in candidates),
        decades=tuple(
            Decade(one["from_years"], Score(**one["raw"]), Score(**one["corrected"])) for one in decades
        ),
    )
