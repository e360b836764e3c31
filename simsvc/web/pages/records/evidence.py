"""/evidence: what an examiner can check without simsvc."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from simsvc.web.rendering.evidence_download import evidence_response

blueprint = Blueprint("evidence", __name__)


@blueprint.get("/evidence/cases/<path:reference>")
def case(reference: str) -> ResponseReturnValue:
    """Download evidence of a case as a ZIP file."""
    return evidence_response(reference)
