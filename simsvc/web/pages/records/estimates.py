"""/estimates and /crop: upload photos, check them before, view results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from simsvc.domain.desk.declared import checked_case, checked_dates, latest_today
from simsvc.errors import CaseRefused, DatesRefused, FaceNotFound, PhotoError, PhotoMissing, PhotosRefused
from simsvc.flows.estimates.check_photo import check_photo
from simsvc.flows.estimates.estimate import estimate
from simsvc.values import Declaration, RecordedEstimate
from simsvc.web.http.current import person, services
from simsvc.web.http.form_problems import Problem, Problems
from simsvc.web.http.once import Made, once
from simsvc.web.http.upload import FIELD, MOST_PHOTOS, Upload, uploaded_photo, uploaded_photos
from simsvc.web.pages.records.case_dates import CONFIRMED, carried_over, note_contradictions
from simsvc.web.pages.records.result import result_page, shown_faces, why_not_pictured
from simsvc.web.rendering.check_words import check_json, refusal_json
from simsvc.web.traffic.admission import give_way

blueprint = Blueprint("pages", __name__)


@blueprint.get("/estimates")
def start() -> ResponseReturnValue:
    """Show the upload form, prefilled with `case` from the query and the birth date of that case."""
    return _form(typed=carried_over(request.args))


@blueprint.post("/estimates")
def create() -> ResponseReturnValue:
    """Estimate the photos and redirect to the record, or to the case for several photos."""
    problems = Problems()
    uploads, declared = _uploads(problems), _declared(problems)
    if not problems.found and not request.form.get(CONFIRMED):
        note_contradictions(problems, declared)
    if problems.found:
        return _form(problems.found), problems.status
    first = once(lambda: _judged(uploads, declared))
    if len(uploads) > 1 and declared.case:
        return redirect(url_for("cases.show", reference=declared.case), 303)
    return redirect(url_for("pages.show", public_id=first.id), 303)


@blueprint.post("/crop")
def preview() -> ResponseReturnValue:
    """Return as JSON what an estimate of a photo would meet: faces, quality and crop; record nothing."""
    photo = uploaded_photo()
    try:
        return jsonify(check_json(*check_photo(photo.data, services().pipeline())))
    except PhotoError as refusal:
        return jsonify(refusal_json(refusal.message))


@blueprint.get("/estimates/<public_id>")
def show(public_id: str) -> ResponseReturnValue:
    """Show a record; with `?saliency`, also which parts of the face mattered."""
    return result_page(services().estimates.find(public_id))


@blueprint.get("/estimates/<public_id>/faces/<int:rank>")
def compare(public_id: str, rank: int) -> ResponseReturnValue:
    """Show the face and a reference face side by side."""
    recorded = services().estimates.find(public_id)
    neighbours = recorded.estimate.neighbours
    if not 1 <= rank <= len(neighbours):
        raise FaceNotFound("rank")
    shown = shown_faces(recorded)[rank - 1]
    return render_template(
        "compare.html",
        recorded=recorded,
        near=shown.near,
        rank=rank,
        face=shown.face,
        pictured=shown.pictured,
        not_pictured=why_not_pictured(recorded, [shown]),
    )


def _judged(uploads: Sequence[Upload], declared: Declaration) -> Made:
    pipeline, asked_by = services().pipeline(), person().id
    records: list[RecordedEstimate] = []
    for upload in uploads:
        if records:
            give_way()
        records.append(estimate(upload.data, upload.name, pipeline, asked_by, declared))
    return Made(records[0].id)


def _uploads(problems: Problems) -> list[Upload]:
    """Return the photos; several photos need a case."""
    uploads: list[Upload] = []
    case = request.form.get("case", "").strip() or None
    about = "photo" if case or len(request.files.getlist(FIELD)) > MOST_PHOTOS else "case"
    with problems.noting(PhotoMissing, "photo"), problems.noting(PhotosRefused, about):
        uploads += uploaded_photos(case)
    return uploads


def _declared(problems: Problems) -> Declaration:
    form, today = request.form, latest_today(services().now())
    case, born, taken = None, None, None
    with problems.noting(CaseRefused, "case"):
        case = checked_case(form.get("case", ""))
    with problems.noting(DatesRefused, "born"):
        born, _ = checked_dates(form.get("born", ""), "", today)
    with problems.noting(DatesRefused, "taken"):
        taken = checked_dates(form.get("born", "") if born else "", form.get("taken", ""), today)[1]
    return Declaration(case, born, taken)


def _form(problems: Sequence[Problem] = (), typed: Mapping[str, str] | None = None) -> str:
    max_bytes = services().settings.max_upload_bytes
    typed = request.values if typed is None else typed
    return render_template(
        "start.html", max_bytes=max_bytes, most_photos=MOST_PHOTOS, typed=typed, problems=problems
    )
