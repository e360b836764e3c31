"""/api/v1/fairness: performance of the model in service by age, group and gender, from its card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue

from simsvc.web.api.blueprint import Resource
from simsvc.web.api.schemas_inventory import Fairness
from simsvc.web.http.current import services

resource = Resource("fairness", __name__, "Performance of the model in service by group.")
FIGURES = {
    "mae_years": ("mae_years", "mae"),
    "bias_years": ("bias_years", "bias"),
    "cs5": ("cs5",),
    "coverage": ("coverage",),
}
"""Name of a figure in the answer to its names in the model card or model.json."""


@resource.get("/fairness")
@resource.response(200, Fairness)
def show() -> ResponseReturnValue:
    """Read error, bias and coverage of the model in service by group, with 95% intervals."""
    bundle, card = services().model_document(), services().model_card()
    analysis = (card or {}).get("quantitative_analysis", {})
    rows, measured_on = analysis.get("performance_metrics"), "test part"
    if not rows:
        metrics = bundle.raw.get("metrics") or {}
        rows, measured_on = metrics.get("tables", []), str(metrics.get("split", "nothing"))
    return jsonify(
        model=bundle.version,
        model_sha256=bundle.sha256,
        measured_on=measured_on,
        groups=[_group(row) for row in rows],
        compared=analysis.get("groups_compared", []),
    )


def _group(row: Mapping[str, Any]) -> dict[str, Any]:
    figures = {name: _figure(row, known) for name, known in FIGURES.items()}
    return {"part": row.get("slice", row.get("part", "")), "faces": row.get("faces", 0), **figures}


def _figure(row: Mapping[str, Any], known: tuple[str, ...]) -> dict[str, Any] | None:
    found = next((row[name] for name in known if row.get(name) is not None), None)
    if found is None:
        return None
    if not isinstance(found, Mapping):
        return {"value": found, "low": None, "high": None}
    return {"value": found["value"], "low": found.get("low"), "high": found.get("high")}
