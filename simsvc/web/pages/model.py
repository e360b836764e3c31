"""/model: the model in service."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from simsvc.web.http.current import services

blueprint = Blueprint("model", __name__)


@blueprint.get("/model")
def show() -> ResponseReturnValue:
    """Show the model card, or model.json without one."""
    return render_template("model.html", page=services().model_page())
