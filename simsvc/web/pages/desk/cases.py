"""/cases/<reference>: the photos of one case together, and which of them to compare."""

from __future__ import annotations

from flask import Blueprint, abort, render_template
from flask.typing import ResponseReturnValue

from simsvc.domain.desk.same_person import MEASURED_MODEL_SHA256, MOST_COMPARED, to_compare
from simsvc.values import RecordedEstimate
from simsvc.web.http.current import services
from simsvc.web.rendering.case_view import CaseView, case_view, other_uploads
from simsvc.web.rendering.charts.age_plot import range_words
from simsvc.web.rendering.charts.age_scale import AgeScale, age_scale
from simsvc.web.rendering.nearest_faces import near_faces
from simsvc.web.rendering.reports.report_codes import page_code

blueprint = Blueprint("cases", __name__)
blueprint.add_app_template_global(other_uploads)

CARD_FACES = 4
"""Reference faces on the card of a photo."""


@blueprint.get("/cases/<path:reference>")
def show(reference: str) -> ResponseReturnValue:
    """Show a case: verdict, contradictions, photos with their decisions, and what happened."""
    case = case_view(reference)
    compared = _comparable([photo.record for photo in case.photos])
    return render_template(
        "case.html",
        case=case,
        scale=_scale(case),
        range_words=_range_words(case),
        faces={photo.record.id: near_faces(photo.record, CARD_FACES) for photo in case.photos},
        code=page_code(case.last_event),
        compares=len(compared) > 1 and services().settings.same_person_prompt,
    )


@blueprint.get("/compare/cases/<path:reference>")
def faces(reference: str) -> ResponseReturnValue:
    """Show the faces of a case side by side, first those that a person should compare."""
    if not services().settings.same_person_prompt:
        abort(404)
    records = _comparable(services().estimates.of_case(reference))
    made = services().cases.embeddings([record.id for record in records], MEASURED_MODEL_SHA256)
    known = [record for record in records if record.id in made]
    pairs = to_compare([made[record.id] for record in known])
    return render_template(
        "case_faces.html",
        reference=reference,
        records=records,
        pairs=[(known[one], known[other]) for one, other in pairs],
        left_out=len(records) - len(known),
    )


def _comparable(records: list[RecordedEstimate] | tuple[RecordedEstimate, ...]) -> list[RecordedEstimate]:
    """Return the latest records with a face, each photo once, oldest first."""
    faces = [record for record in records if record.estimate.age_years is not None]
    distinct = {record.estimate.photo_sha256: record for record in faces}
    return sorted(distinct.values(), key=lambda record: record.number)[-MOST_COMPARED:]


def _scale(case: CaseView) -> AgeScale | None:
    summary = case.summary
    if summary.together is not None:
        together = summary.together
        return age_scale(together.age_years, together.interval_years, summary.declared_years)
    if summary.single is None:
        return None
    answer = summary.single.estimate
    return age_scale(answer.age_years or 0.0, answer.interval_years, summary.declared_years)


def _range_words(case: CaseView) -> object:
    found = case.summary.together or (case.summary.single and case.summary.single.estimate)
    return range_words(found.interval_years, found.coverage) if found else None
