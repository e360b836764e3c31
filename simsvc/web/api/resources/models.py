"""/api/v1/models: inventory of models, past and present."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue

from simsvc.errors import ModelNotFound
from simsvc.store.records.inventory import Use
from simsvc.web.api.common.blueprint import Resource, in_path
from simsvc.web.api.common.schemas_inventory import Model, Models
from simsvc.web.http.current import services

resource = Resource("models", __name__, "The inventory of models.")
SHA256_IN_PATH = in_path("sha256", "^[0-9a-f]{64}$")


@resource.get("/models")
@resource.response(200, Models)
def list_all() -> ResponseReturnValue:
    """List the model in service and all models used in records."""
    bundle, used = services().model_document(), services().inventory.models()
    items = [_summary(bundle.sha256, bundle.version, used.pop(bundle.sha256, None), now=True)]
    items += [_summary(sha256, use.version, use, now=False) for sha256, use in sorted(used.items())]
    return jsonify(items=items)


@resource.get("/models/<sha256>", parameters=[SHA256_IN_PATH])
@resource.response(200, Model)
def show(sha256: str) -> ResponseReturnValue:
    """Read the details of a model: training data, metrics, model card."""
    bundle, use = services().model_document(), services().inventory.models().get(sha256)
    if sha256 == bundle.sha256:
        files = {name: asdict(fingerprint) for name, fingerprint in bundle.files.items()}
        known = {name: bundle.raw.get(name) for name in ("training", "metrics", "calibration")}
        found = _summary(sha256, bundle.version, use, now=True)
        return jsonify({**found, "files": files, **known, "card": services().model_card()})
    if use is None:
        raise ModelNotFound()
    unknown = dict.fromkeys(("files", "training", "metrics", "calibration", "card"))
    return jsonify({**_summary(sha256, use.version, use, now=False), **unknown})


def used(use: Use | None) -> dict[str, Any]:
    """Return how often records refer to a model or build, and since when."""
    return {
        "estimates": use.estimates if use else 0,
        "first_estimate_at": use.first_at.isoformat(timespec="milliseconds") if use else None,
        "last_estimate_at": use.last_at.isoformat(timespec="milliseconds") if use else None,
    }


def _summary(sha256: str, version: str, use: Use | None, *, now: bool) -> dict[str, Any]:
    return {**used(use), "version": version, "sha256": sha256, "in_service": now}
