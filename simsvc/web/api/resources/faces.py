"""/api/v1/faces: labelled faces added, relabelled and removed without a new index build."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue
from flask_smorest.fields import Upload as UploadField
from marshmallow import ValidationError
from marshmallow.fields import Float, String
from marshmallow.validate import Range, Regexp

from simsvc.domain.gallery.labelled_faces import LabelledPhoto, LabelledSource
from simsvc.domain.gallery.labels import MAX_AGE_YEARS
from simsvc.domain.gallery.manifest import NAME_PATTERN
from simsvc.web.api.common.blueprint import Resource, in_path, refused
from simsvc.web.api.common.photo_input import form_of, sent_photos
from simsvc.web.api.common.schemas import Strict, needed
from simsvc.web.http.current import services
from simsvc.web.security.scopes import program
from simsvc.wiring.labelled_faces import live_faces_in_service

FACE_IN_PATH = in_path("face_id", "^f[0-9a-f]{16}$")
AGE = Range(0, MAX_AGE_YEARS)

resource = Resource(
    "faces", __name__, "Add, relabel and remove reference faces without rebuilding the index."
)


class Relabelled(Strict):
    """A new age."""

    age_years = Float(required=True, validate=AGE, metadata={"description": "Known age."})


class Labelled(Relabelled):
    """Known age and origin of a new face."""

    source = String(
        required=True,
        validate=Regexp(f"^{NAME_PATTERN.pattern}$"),
        metadata={"description": "Name of the data set."},
    )


class FaceForm(Labelled):
    """A reference face to add."""

    photo = UploadField(required=True, metadata={"description": "A photo of one face."})


class Face(Strict):
    """A reference face."""

    face_id = needed(String, "ID of the reference face.")
    age_years = needed(Float, "Known age.")
    source = needed(String, "Data set.")
    reference = needed(String, "Name in that data set.")


@resource.post("/faces")
@resource.doc(requestBody=form_of(FaceForm))
@resource.response(201, Face)
def add() -> ResponseReturnValue:
    """Add a reference face; searches include it from the next request on."""
    upload, known = sent_photos(1)[0], _labelled()
    with tempfile.TemporaryDirectory(prefix="simsvc-") as folder:
        path = Path(folder) / "photo"  # under our own name; the client's is its reference only
        path.write_bytes(upload.data)
        photo = LabelledPhoto(path, upload.name, known["age_years"])
        source = LabelledSource(known["source"], aligned=False, photos=(photo,))
        added = live_faces_in_service(services()).add(source, program().actor, lambda _done, _total: None)
    return jsonify(asdict(added.faces[0])), 201


@resource.post("/faces/<face_id>/label", parameters=[FACE_IN_PATH])
@resource.arguments(Relabelled)
@resource.response(200, Face)
def relabel(sent: dict[str, Any], face_id: str) -> ResponseReturnValue:
    """Change the age of a reference face in every build; return the face as it was before."""
    faces = live_faces_in_service(services())
    return jsonify(asdict(faces.relabel(face_id, sent["age_years"], program().actor)))


@resource.post("/faces/<face_id>/removal", parameters=[FACE_IN_PATH])
@resource.response(200, Face)
def remove(face_id: str) -> ResponseReturnValue:
    """Remove a reference face from new estimates and later builds."""
    return jsonify(asdict(live_faces_in_service(services()).remove(face_id, program().actor)))


def _labelled() -> dict[str, Any]:
    try:
        known: dict[str, Any] = Labelled().load(request.form.to_dict())
    except ValidationError as error:
        raise refused(error) from None
    return known
