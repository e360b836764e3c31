"""/model: the model in service."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from simsvc.web.http.current import services
from simsvc.web.rendering.actors import actor_names
from simsvc.web.rendering.retired import listed_models

blueprint = Blueprint("model", __name__)


@blueprint.get("/model")
def show() -> ResponseReturnValue:
    """Show the model card, or model.json without one, and every model that was in service."""
    in_service = services().model_document().document_sha256
    return render_template(
        "model.html",
        page=services().model_page(),
        models=listed_models(services(), in_service),
        actors=actor_names(services()),
    )
