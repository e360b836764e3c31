"""/healthz: whether this worker can answer."""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from simsvc.web.current import services

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> ResponseReturnValue:
    """Return 200 with model and index, or the 503 of whichever part cannot be used."""
    corridor = services().corridor()
    index = corridor.index()
    services().database.check()
    return jsonify(status="ok", model=corridor.model.version, index=index.label, faces=index.count)
