"""Pictures that pages show: the judged crop, and thumbnails of labelled faces."""

from __future__ import annotations

import hashlib

from flask import Blueprint, Response, request, url_for

from simsvc.web.current import services

blueprint = Blueprint("pictures", __name__)

NEVER_CHANGES = "private, max-age=31536000, immutable"
"""A build is never edited in place, and neither is a record. Private: faces stay out of shared caches."""
OF_ONE_RECORD = "private, max-age=3600"
"""A record may be erased, and its crop with it."""


@blueprint.get("/estimates/<public_id>/crop.png")
def crop(public_id: str) -> Response:
    """Return the crop that was judged, pixel for pixel."""
    return _picture(services().estimates.crop_png(public_id), "image/png", OF_ONE_RECORD)


@blueprint.get("/faces/<index_name>/<build_id>/<face_id>.jpg")
def face(index_name: str, build_id: str, face_id: str) -> Response:
    """Return the thumbnail of a labelled face as it was in that build."""
    thumbnail = services().gallery(f"{index_name}/{build_id}").thumbnail(face_id)
    return _picture(thumbnail, "image/jpeg", NEVER_CHANGES)


def face_url(label: str, face_id: str) -> str:
    """Return the address of a labelled face's thumbnail in the build "name/build"; for templates."""
    index_name, _, build_id = label.partition("/")
    return url_for("pictures.face", index_name=index_name, build_id=build_id, face_id=face_id)


def _picture(data: bytes, mimetype: str, cache_control: str) -> Response:
    response = Response(data, mimetype=mimetype)
    response.headers["Cache-Control"] = cache_control
    response.set_etag(hashlib.sha256(data).hexdigest()[:32])
    response.make_conditional(request.environ)  # in place: 304 where the client has it already
    return response
