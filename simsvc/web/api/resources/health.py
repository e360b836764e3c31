"""/healthz: liveness. /readyz: readiness. Neither returns personal data."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from simsvc.flows.health import status_of
from simsvc.web.http.current import services
from simsvc.wiring.health import readiness

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> ResponseReturnValue:
    """Return 200 while the process is alive; restart it if this fails."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> ResponseReturnValue:
    """Return 200 if model, index, database and disk are usable, perhaps with problems, else 503."""
    found = readiness(services())
    status = status_of(found)
    body = {"status": status, "parts": [asdict(finding) for finding in found]}
    return jsonify(body), 503 if status == "not ready" else 200
