"""/api/v1/estimates/{id}/replay: the estimate made again by the model and index build that made it."""

from __future__ import annotations

from flask import jsonify, request
from flask.typing import ResponseReturnValue
from flask_smorest.fields import Upload as UploadField
from marshmallow import fields as of

from simsvc.errors import InputRefused
from simsvc.flows.replay import describe_replay
from simsvc.web.api.blueprint import IN_PATH, Resource
from simsvc.web.api.photo_input import form_of, sent_photos
from simsvc.web.api.schemas import ID, SHA256, Strict, maybe, needed
from simsvc.web.http.current import services
from simsvc.web.security.scopes import program
from simsvc.wiring.replay import replayer

resource = Resource("replays", __name__, "Make an estimate again, and say whether it agrees.")


class ReplayForm(Strict):
    """The photo once more; without it the kept one is taken."""

    photo = UploadField(metadata={"description": "The very file that was judged."})


class Difference(Strict):
    """One thing in which the replay does not agree with the record."""

    what = needed(
        of.String, "engine, status, code, age_years, interval_years, neighbours, label or distance."
    )
    recorded = maybe(of.Raw, "As it is on record.")
    replayed = maybe(of.Raw, "As it came out now.")


class Tolerance(Strict):
    """Beyond it, two figures do not agree."""

    age_years = needed(of.Float, "Of the age and both ends of its range.")
    distance = needed(of.Float, "Of each labelled face.")


class NearFace(Strict):
    """A labelled face near the judged one, unrounded."""

    face_id = needed(of.String, "Which labelled face.")
    age_years = needed(of.Float, "Its label.")
    distance = needed(of.Float, "Angular, 0 to 2.")


class Figures(Strict):
    """What is compared, unrounded."""

    status = needed(of.String, "estimated or refused.")
    code = maybe(of.String, "Of a refusal.")
    age_years = maybe(of.Float, "The estimate.")
    interval_years = maybe(of.List, "Its range.", cls_or_instance=of.Float())
    neighbours = needed(of.List, "Nearest first.", cls_or_instance=of.Nested(NearFace))


class Replay(Strict):
    """What came out of making an estimate again."""

    id = needed(of.String, "Of the estimate.", validate=ID)
    agrees = needed(of.Boolean, "Whether age, range and labelled faces agree within the tolerance.")
    differences = needed(of.List, "In what it does not.", cls_or_instance=of.Nested(Difference))
    tolerance = needed(of.Nested, "Beyond which figures do not agree.", nested=Tolerance)
    photo = needed(of.String, "kept or sent.")
    model = maybe(of.String, "Version of the model that ran.")
    model_sha256 = maybe(of.String, "Of its weights.", validate=SHA256)
    index = maybe(of.String, "Build that was searched, name/build.")
    face_changes = needed(of.Integer, "Sets of face changes that lay over it.")
    engine = maybe(of.String, "What ran the model now; with another engine the tolerance is wider.")
    recorded_engine = maybe(of.String, "What ran it then; null in older records, which ONNX Runtime made.")
    erased_faces = needed(of.List, "Faces of the record erased since.", cls_or_instance=of.String())
    recorded = needed(of.Nested, "As it is on record.", nested=Figures)
    replayed = needed(of.Nested, "As it came out now.", nested=Figures)


@resource.post("/estimates/<public_id>/replay", parameters=[IN_PATH])
@resource.doc(requestBody={**form_of(ReplayForm), "required": False})
@resource.response(200, Replay)
def create(public_id: str) -> ResponseReturnValue:
    """Make an estimate again with the model and index build of then, and say whether it agrees."""
    replay = replayer(services()).replay(public_id, program().actor, _sent_photo())
    return jsonify(describe_replay(replay))


def _sent_photo() -> bytes | None:
    """Return the photo of the request at hand, or None where it has no body, or a form without anything."""
    if request.form:
        unknown = dict.fromkeys(sorted(map(str, request.form)), "Unknown field.")
        raise InputRefused("photo", fields=unknown)
    if not request.files and request.mimetype in {"", "multipart/form-data"}:
        return None
    return sent_photos(1)[0].data
