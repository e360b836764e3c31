"""/api/v1/estimates/{id}/replay: repeat an estimate with its original model and index build."""

from __future__ import annotations

from flask import jsonify, request
from flask.typing import ResponseReturnValue
from flask_smorest.fields import Upload as UploadField
from marshmallow.fields import Boolean, Float, Integer, List, Nested, Raw, String

from simsvc.errors import InputRefused
from simsvc.flows.estimates.replay import describe_replay
from simsvc.web.api.common.blueprint import IN_PATH, Resource
from simsvc.web.api.common.photo_input import form_of, sent_photos
from simsvc.web.api.common.schemas import ID, SHA256, Strict, maybe, needed
from simsvc.web.http.current import services
from simsvc.web.security.scopes import program
from simsvc.wiring.replay import replayer

resource = Resource("replays", __name__, "Repeat an estimate and compare it with the record.")


class ReplayForm(Strict):
    """The original photo; defaults to the kept photo."""

    photo = UploadField(metadata={"description": "The same file as for the original estimate."})


class Difference(Strict):
    """A difference between the replay and the record."""

    what = needed(String, "engine, status, code, age_years, interval_years, neighbours, label or distance.")
    recorded = maybe(Raw, "Recorded value.")
    replayed = maybe(Raw, "Value of the replay.")


class Tolerance(Strict):
    """Largest difference at which two figures still agree."""

    age_years = needed(Float, "For the age and both ends of its range.")
    distance = needed(Float, "For the distance of each reference face.")


class NearFace(Strict):
    """A reference face similar to the face in the photo, unrounded."""

    face_id = needed(String, "ID of the reference face.")
    age_years = needed(Float, "Known age.")
    distance = needed(Float, "Angular distance, 0 to 2.")


class Figures(Strict):
    """The compared figures, unrounded."""

    status = needed(String, "estimated or refused.")
    code = maybe(String, "Stable code, if refused.")
    age_years = maybe(Float, "The estimate.")
    interval_years = maybe(List, "Range of the estimate.", cls_or_instance=Float())
    neighbours = needed(List, "Most similar first.", cls_or_instance=Nested(NearFace))


class Replay(Strict):
    """The result of a replay."""

    id = needed(String, "ID of the estimate.", validate=ID)
    agrees = needed(Boolean, "Whether age, range and reference faces agree within the tolerance.")
    differences = needed(List, "Differences, if any.", cls_or_instance=Nested(Difference))
    tolerance = needed(Nested, "Tolerance of the comparison.", nested=Tolerance)
    photo = needed(String, "Photo used: kept or sent.")
    model = maybe(String, "Version of the model used.")
    model_sha256 = maybe(String, "SHA-256 of its weights.", validate=SHA256)
    index = maybe(String, "Index build that was searched, name/build.")
    face_changes = needed(Integer, "Number of sets of face changes applied to it.")
    engine = maybe(String, "Inference engine of the replay; with a different engine the tolerance is wider.")
    recorded_engine = maybe(
        String, "Inference engine of the record; null in older records, which used ONNX Runtime."
    )
    erased_faces = needed(
        List, "Reference faces of the record that have been erased since.", cls_or_instance=String()
    )
    recorded = needed(Nested, "Recorded figures.", nested=Figures)
    replayed = needed(Nested, "Figures of the replay.", nested=Figures)


@resource.post("/estimates/<public_id>/replay", parameters=[IN_PATH])
@resource.doc(requestBody={**form_of(ReplayForm), "required": False})
@resource.response(200, Replay)
def create(public_id: str) -> ResponseReturnValue:
    """Repeat an estimate with its original model and index build, and say whether the results agree."""
    replay = replayer(services()).replay(public_id, program().actor, _sent_photo())
    return jsonify(describe_replay(replay))


def _sent_photo() -> bytes | None:
    if request.form:
        unknown = dict.fromkeys(sorted(map(str, request.form)), "Unknown field.")
        raise InputRefused("photo", fields=unknown)
    if not request.files and request.mimetype in {"", "multipart/form-data"}:
        return None
    return sent_photos(1)[0].data
