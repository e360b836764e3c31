"""/api/v1/fairness: performance of the model in service by age, group and gender, from its card."""

from __future__ import annotations

from dataclasses import asdict

from flask import jsonify
from flask.typing import ResponseReturnValue

from simsvc.domain.model.fairness import fairness
from simsvc.web.api.common.blueprint import Resource
from simsvc.web.api.common.schemas_inventory import Fairness
from simsvc.web.http.current import services

resource = Resource("fairness", __name__, "Performance of the model in service by group.")


@resource.get("/fairness")
@resource.response(200, Fairness)
def show() -> ResponseReturnValue:
    """Read error, bias and coverage of the model in service by group, with 95% intervals."""
    bundle, card = services().model_document(), services().model_card()
    found = fairness(card, bundle.raw)
    return jsonify(
        model=bundle.version,
        model_sha256=bundle.sha256,
        measured_on=found.measured_on,
        groups=[asdict(part) for part in found.parts],
        compared=(card or {}).get("quantitative_analysis", {}).get("groups_compared", []),
    )
