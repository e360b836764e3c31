"""/, /crop and /estimates: choose photos, see the face as it will be judged, read the answer."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from simsvc.errors import CaseRefused, DatesRefused, FaceNotFound, PhotoMissing, PhotosRefused
from simsvc.flows.estimate import estimate
from simsvc.flows.preview import preview_png
from simsvc.steps.declared import checked_case, checked_dates
from simsvc.values import Declaration, RecordedEstimate
from simsvc.web.current import person, services
from simsvc.web.errors import status_of
from simsvc.web.pages.result import labelled_faces, result_page
from simsvc.web.turns import give_way
from simsvc.web.upload import MOST_PHOTOS, uploaded_photo, uploaded_photos

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def start() -> ResponseReturnValue:
    """Show the upload form; an address with `case` fills it in."""
    return _form()


@blueprint.post("/estimates")
def create() -> ResponseReturnValue:
    """Judge the photos and lead to their answer, which may be a refusal: a record, or the case of several."""
    try:
        declared = _declared()
        uploads = uploaded_photos(declared.case)
    except (CaseRefused, DatesRefused, PhotoMissing, PhotosRefused) as refusal:
        return _form(refusal.sentence), status_of(refusal)
    corridor, asked_by = services().corridor(), person().id
    records: list[RecordedEstimate] = []
    for upload in uploads:
        if records:
            give_way()
        records.append(estimate(upload.data, upload.name, corridor, asked_by, declared))
    if len(records) > 1 and declared.case:
        return redirect(url_for("cases.show", reference=declared.case), 303)
    return redirect(url_for("pages.show", public_id=records[0].id), 303)


@blueprint.post("/crop")
def preview() -> ResponseReturnValue:
    """Return the face of a photo as it would be judged, or say why it would not; nothing goes on record."""
    corridor = services().corridor()
    return Response(preview_png(uploaded_photo().data, corridor), mimetype="image/png")


@blueprint.get("/estimates/<public_id>")
def show(public_id: str) -> ResponseReturnValue:
    """Show a recorded answer with its evidence; with `?saliency`, also where the estimate came from."""
    return result_page(services().estimates.find(public_id))


@blueprint.get("/estimates/<public_id>/faces/<int:rank>")
def compare(public_id: str, rank: int) -> ResponseReturnValue:
    """Show the judged face and a labelled one side by side, large."""
    recorded = services().estimates.find(public_id)
    neighbours = recorded.estimate.neighbours
    if not 1 <= rank <= len(neighbours):
        raise FaceNotFound("This estimate has no labelled face of that rank. Go back to its list.")
    near = neighbours[rank - 1]
    face = labelled_faces(recorded).get(near.face_id)
    return render_template("compare.html", recorded=recorded, near=near, rank=rank, face=face)


def _declared() -> Declaration:
    form = request.form
    case = checked_case(form.get("case", ""))
    born, taken = checked_dates(form.get("born", ""), form.get("taken", ""), services().now().date())
    return Declaration(case, born, taken)


def _form(problem: str = "") -> str:
    max_bytes = services().settings.max_upload_bytes
    return render_template(
        "start.html", max_bytes=max_bytes, most_photos=MOST_PHOTOS, typed=request.values, problem=problem
    )
