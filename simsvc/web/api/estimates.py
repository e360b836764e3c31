"""/api/v1/estimates."""

from __future__ import annotations

from flask import Blueprint, jsonify, url_for
from flask.typing import ResponseReturnValue

from simsvc.flows.estimate import estimate
from simsvc.steps.describe import describe
from simsvc.web.current import services
from simsvc.web.errors import status_of_answer
from simsvc.web.upload import uploaded_photo

blueprint = Blueprint("api_estimates", __name__, url_prefix="/api/v1/estimates")


@blueprint.post("")
def create() -> ResponseReturnValue:
    """Judge the photo in the multipart file `photo`: 201 estimated, 422 or 413 refused, with one object."""
    upload = uploaded_photo()
    recorded = estimate(upload.data, upload.name, services().corridor())
    status = status_of_answer(recorded.estimate.code)
    location = url_for("api_estimates.show", public_id=recorded.id)
    return jsonify(describe(recorded)), status, {"Location": location}


@blueprint.get("/<public_id>")
def show(public_id: str) -> ResponseReturnValue:
    """Return a recorded estimate."""
    return jsonify(describe(services().estimates.find(public_id)))
