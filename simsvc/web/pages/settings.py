"""/settings: the state of the installation and its settings, to read."""

from __future__ import annotations

import re

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from markupsafe import Markup, escape

from simsvc.web.http.current import services
from simsvc.wiring.site_facts import site_facts

blueprint = Blueprint("settings", __name__, url_prefix="/settings")

CODE = re.compile(r"`([^`]+)`")


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Show version, health, back-up, retention and every setting."""
    return render_template("settings.html", facts=site_facts(services()), settings=services().settings)


@blueprint.app_template_filter("with_code")
def with_code(text: str) -> Markup:
    """Write a description for a page: what stands between backticks as code."""
    return Markup(CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped in the same line
