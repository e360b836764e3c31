"""/api/v1/estimates: estimate ages and read records."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, url_for
from flask.typing import ResponseReturnValue

from simsvc.domain.estimate.output.serialize import describe, describe_decision, estimated_age
from simsvc.errors import NothingJudged
from simsvc.store.desk.history import HistoryFilter, HistoryRow
from simsvc.values import LabelledFace
from simsvc.web.api.common.blueprint import IN_PATH, Resource
from simsvc.web.api.common.cursors import Cursors
from simsvc.web.api.common.idempotency import PARAMETER
from simsvc.web.api.common.photo_input import (
    MOST_PHOTOS,
    PhotoForm,
    PhotosForm,
    declaration,
    form_of,
    judged,
    sent_photos,
)
from simsvc.web.api.common.schemas import Estimate, EstimateBatch, EstimatePage, EstimateQuery, Neighbours
from simsvc.web.http.current import services
from simsvc.web.rendering.record_parts import labelled_faces

resource = Resource("estimates", __name__, "Estimate ages and read recorded estimates.")


@resource.post("/estimates")
@resource.doc(parameters=[PARAMETER], requestBody=form_of(PhotoForm, bare=True))
@resource.response(201, Estimate)
def create() -> ResponseReturnValue:
    """Estimate the age in one photo and record the result.

    A photo without a result is also recorded: its `status` is "refused", with a `code` and a `sentence`.
    Sending the photo itself as the body is faster than a form, but leaves no room for declared data.
    """
    recorded = judged(sent_photos(1, bare=True), declaration())[0]
    location = url_for("api_estimates.show", public_id=recorded.id)
    return jsonify(describe(recorded)), 201, {"Location": location}


@resource.post("/estimate-batches")
@resource.doc(parameters=[PARAMETER], requestBody=form_of(PhotosForm))
@resource.response(201, EstimateBatch)
def create_batch() -> ResponseReturnValue:
    """Estimate the ages in up to 32 photos, one by one, and record each result.

    After an interruption, the same request with the same Idempotency-Key continues with the remaining photos.
    """
    return jsonify(items=[describe(one) for one in judged(sent_photos(MOST_PHOTOS), declaration())]), 201


@resource.get("/estimates")
@resource.arguments(EstimateQuery, location="query")
@resource.response(200, EstimatePage)
def list_all(query: dict[str, Any]) -> ResponseReturnValue:
    """List estimates, newest first, without their neighbours."""
    limit, cursor = query.pop("limit"), query.pop("cursor", None)
    cursors = Cursors(services().secret_key(), query)
    rows = services().history.older(wanted(query), cursors.read(cursor), limit + 1)
    more = len(rows) > limit
    last = rows[limit - 1].recorded.number if more else None
    return jsonify(items=[summary(row) for row in rows[:limit]], next=cursors.write(last))


@resource.get("/estimates/<public_id>", parameters=[IN_PATH])
@resource.response(200, Estimate)
def show(public_id: str) -> ResponseReturnValue:
    """Read an estimate."""
    return jsonify(describe(services().estimates.find(public_id)))


@resource.get("/estimates/<public_id>/neighbours", parameters=[IN_PATH])
@resource.response(200, Neighbours)
def neighbours(public_id: str) -> ResponseReturnValue:
    """Read the reference faces that explain an estimate."""
    recorded = services().estimates.find(public_id)
    faces, answer = labelled_faces(recorded), recorded.estimate
    items = [
        {
            "rank": rank,
            "face_id": near.face_id,
            "age_years": round(near.age_years, 2),
            "distance": round(near.distance, 6),
            "similarity": round(near.similarity, 4),
            "estimated_age_years": estimated_age(near),
            **_origin(faces.get(near.face_id)),
        }
        for rank, near in enumerate(answer.neighbours, 1)
    ]
    return jsonify(index=answer.index, items=items)


@resource.get("/estimates/<public_id>/crop", parameters=[IN_PATH])
@resource.response(200, {"type": "string", "format": "binary"}, content_type="image/png")
def crop(public_id: str) -> Response:
    """Read the face crop that was used, as PNG; refused photos have none."""
    if services().estimates.find(public_id).estimate.age_years is None:
        raise NothingJudged()
    return Response(services().estimates.crop_png(public_id), mimetype="image/png")


def wanted(query: dict[str, Any]) -> HistoryFilter:
    """Return the history filter of a query."""
    fields = dict(query)
    recorded_since, recorded_before = fields.pop("since", None), fields.pop("before", None)
    return HistoryFilter(recorded_since=recorded_since, recorded_before=recorded_before, **fields)


def summary(row: HistoryRow) -> dict[str, object]:
    """Return an estimate for a list: without neighbours, with the verdict and the current decision."""
    described = describe(row.recorded)
    del described["neighbours"]
    decision = describe_decision(row.decision) if row.decision else None
    return {**described, "verdict": row.verdict, "decision": decision}


def _origin(face: LabelledFace | None) -> dict[str, str | None]:
    return {"source": face.source if face else None, "reference": face.reference if face else None}
