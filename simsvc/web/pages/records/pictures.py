"""Pictures: face crops and their thumbnails, occlusion maps, plots and thumbnails of reference faces."""

from __future__ import annotations

import hashlib

from flask import Blueprint, Response, request, url_for

from simsvc.domain.photo.encode import thumbnail_jpeg
from simsvc.flows.estimates.saliency import check_same_model, saliency_png
from simsvc.web.http.current import services

blueprint = Blueprint("pictures", __name__)

OF_PEOPLE = "no-store"
"""Faces can be erased, so no browser or proxy may cache them."""
OF_ONE_MODEL = "no-cache"
"""The model may be replaced at the same address, so browsers must revalidate."""


@blueprint.get("/estimates/<public_id>/crop.png")
def crop(public_id: str) -> Response:
    """Return the face crop."""
    return _of_people(services().estimates.crop_png(public_id), "image/png")


@blueprint.get("/estimates/<public_id>/thumbnail.jpg")
def thumbnail(public_id: str) -> Response:
    """Return the face crop as a small JPEG, for lists: some 3 kB instead of 100."""
    return _of_people(thumbnail_jpeg(services().estimates.crop_png(public_id)), "image/jpeg")


@blueprint.get("/estimates/<public_id>/saliency.png")
def saliency(public_id: str) -> Response:
    """Return the occlusion map, computed on demand."""
    kept, model = services().estimates, services().pipeline().model
    check_same_model(kept.find(public_id), model)
    crop_png = kept.crop_png(public_id)
    return _of_people(saliency_png(crop_png, model), "image/png")


@blueprint.get("/model/<name>.png")
def plot(name: str) -> Response:
    """Return a plot of the model card by its fixed name."""
    data = services().card_plot(name)
    response = Response(data, mimetype="image/png")
    response.headers["Cache-Control"] = OF_ONE_MODEL
    response.set_etag(hashlib.sha256(data).hexdigest()[:32])
    response.make_conditional(request.environ)  # in place: 304 if the client has it already
    return response


@blueprint.get("/faces/<index_name>/<build_id>/<face_id>.jpg")
def face(index_name: str, build_id: str, face_id: str) -> Response:
    """Return the thumbnail of a reference face in a build."""
    thumbnail = services().gallery(f"{index_name}/{build_id}").thumbnail(face_id)
    return _of_people(thumbnail, "image/jpeg")


def face_url(label: str, face_id: str) -> str:
    """Return the address of a thumbnail in the build "name/build", for templates."""
    index_name, _, build_id = label.partition("/")
    return url_for("pictures.face", index_name=index_name, build_id=build_id, face_id=face_id)


def _of_people(data: bytes, mimetype: str) -> Response:
    response = Response(data, mimetype=mimetype)
    response.headers["Cache-Control"] = OF_PEOPLE
    return response
