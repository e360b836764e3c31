"""/healthz: liveness. /readyz: readiness. Neither returns personal data."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from simsvc.web.http.current import services
from simsvc.wiring.health import readiness

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> ResponseReturnValue:
    """Return 200 while the process is alive; restart it if this fails."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> ResponseReturnValue:
    """Return 200 if model, index, database and disk are usable, else 503."""
    found = readiness(services())
    ready = all(finding.well for finding in found)
    body = {"status": "ready" if ready else "not ready", "parts": [asdict(finding) for finding in found]}
    return jsonify(body), 200 if ready else 503
