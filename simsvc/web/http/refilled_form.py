"""What was typed into a form, shown again where the form could not be taken."""

from __future__ import annotations

from flask import render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from simsvc.web.http.current import services
from simsvc.web.http.upload import drain

UPLOAD, DECISION, ROW_DECISION = "pages.create", "decisions.create", "batches.decide"
_DECISION_FIELDS = ("kind", "age", "reason", "needed", "note", "after")
_REFER_FIELDS = ("refer_to", "due", "second_opinion", "refer_comment")
FIELDS = {
    UPLOAD: ("case", "born", "taken"),
    DECISION: (*_DECISION_FIELDS, *_REFER_FIELDS),
    ROW_DECISION: _DECISION_FIELDS,
}
"""Endpoint to the fields of its form that a person typed, or that what was typed belongs to."""
USELESS_AGAIN = (403, 404)
"""Statuses after which sending the same once more would not help."""


def refills_form(status: int) -> bool:
    """Say whether the form at hand holds words that an answer of this status must not lose."""
    return request.endpoint in FIELDS and status not in USELESS_AGAIN


def typed_page(status: int = 400, **problem: object) -> ResponseReturnValue:
    """Show what was typed, to be sent again, and nothing of any record: its reader may not be signed in."""
    shown = {
        "typed": _typed(),
        "uploading": request.endpoint == UPLOAD,
        "action": request.script_root + request.path,
        "max_bytes": services().settings.max_upload_bytes,
    }
    return render_template("typed.html", status=status, **shown, **problem), status


def _typed() -> dict[str, str]:
    fields = FIELDS.get(request.endpoint or "", ())
    try:
        return {name: request.form.get(name, "") for name in fields}
    except RequestEntityTooLarge:  # the words are somewhere behind a photo that is not read
        drain()
        return dict.fromkeys(fields, "")
