"""/fairness: how far off estimates are, and for whom, in plain words and with uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from simsvc.domain.model.fairness import (
    AGES,
    GENDERS,
    GROUPS,
    Figure,
    PartFigures,
    fairness,
    without_overlaps,
)
from simsvc.domain.model.shares import FEWEST, Band, Share, bands
from simsvc.store.desk.periods import Period
from simsvc.web.http.current import services

blueprint = Blueprint("fairness", __name__, url_prefix="/fairness")

SITE_DAYS = 365
"""The site's figures are of the last year: with seasons, and recent enough to act on."""
FEW_FACES = 100
"""Parts with fewer test faces are named as uncertain. Source: 2,137 test faces; the 95% interval of the error
of 100 of them spans some two years."""
MEASURES = ("mae_years", "bias_years", "coverage")
"""What the charts show: distance from the true age, too old or too young, and true ages within the range."""


@dataclass(frozen=True, slots=True)
class Extremes:
    """The parts of one kind with the lowest and the highest mean absolute error."""

    least: PartFigures
    most: PartFigures


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Show the accuracy of the model in service by age, group and gender, and this site's outcomes."""
    document = services().model_document()
    found = fairness(services().model_card(), document.raw)
    measure = _measure()
    ages, groups, genders = without_overlaps(found.of(AGES)), found.of(GROUPS), found.of(GENDERS)
    now = services().now()
    site = bands(services().declared_outcomes.of(Period(now - timedelta(days=SITE_DAYS), now)))
    return render_template(
        "fairness.html",
        version=document.version,
        everyone=found.everyone,
        measured_on=found.measured_on,
        by_age=_extremes(ages),
        by_group=_extremes(groups),
        genders={part.name: part for part in genders},
        few_faces=FEW_FACES,
        few=[part for part in (*ages, *groups, *genders) if part.faces < FEW_FACES],
        measure=measure,
        measures=MEASURES,
        age_rows=[(part.name, *_cells(part, measure)) for part in ages],
        group_rows=[(part.part, *_cells(part, measure)) for part in (*genders, *groups)],
        site=site,
        site_records=sum(band.records for band in site),
        refused_rows=[_site_cells(band, band.refused) for band in site],
        unreliable_rows=[_site_cells(band, band.unreliable) for band in site],
        fewest=FEWEST,
    )


def _measure() -> str:
    asked = request.args.get("measure", "")
    return asked if asked in MEASURES else MEASURES[0]


def _extremes(parts: Sequence[PartFigures]) -> Extremes | None:
    measured = sorted((part.mae_years.value, place) for place, part in enumerate(parts) if part.mae_years)
    return Extremes(parts[measured[0][1]], parts[measured[-1][1]]) if measured else None


def _cells(part: PartFigures, measure: str) -> tuple[float | int | None, ...]:
    """Return value, low and high end of a part's figure, shares in percent, and its number of faces."""
    figure: Figure | None = getattr(part, measure)
    if figure is None:
        return (None, None, None, part.faces)
    scale, places = (100.0, 1) if measure == "coverage" else (1.0, 2)
    ends = (None if end is None else round(scale * end, places) for end in (figure.low, figure.high))
    return (round(scale * figure.value, places), *ends, part.faces)


def _site_cells(band: Band, share: Share | None) -> tuple[str | float | int | None, ...]:
    name = f"{band.from_years}+" if band.to_years is None else f"{band.from_years}\N{EN DASH}{band.to_years}"
    if share is None:
        return (name, None, None, None, band.records)
    return (name, *(round(100.0 * part, 1) for part in (share.value, share.low, share.high)), band.records)
