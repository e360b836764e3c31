"""What was typed into a decision form, shown again where the form could not be taken."""

from __future__ import annotations

from flask import render_template, request
from flask.typing import ResponseReturnValue

FIELDS = ("kind", "age", "reason", "note", "after")


def typed_page() -> ResponseReturnValue:
    """Show a decision that was sent without a session, or with a form of an older one, to be sent again.

    Nothing of the record is on the page: whoever reads it may not be signed in.
    """
    typed = {name: request.form.get(name, "") for name in FIELDS}
    return render_template("typed.html", typed=typed, action=request.path), 400
