"""/confirmed: send on the form that waited for proof of identity by the OpenID provider."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from simsvc.web.security.recent import take_kept_form

blueprint = Blueprint("confirming", __name__)


@blueprint.get("/confirmed")
def resume() -> ResponseReturnValue:
    """Show the button that sends the kept form, or the account page if there is none."""
    kept = take_kept_form()
    if kept is None:
        return redirect(url_for("account.show"), 303)
    action, fields = kept
    return render_template("confirmed.html", action=action, fields=fields)
