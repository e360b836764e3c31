"""/estimates/<id>/decisions: what a person makes of an estimate, and the record on paper."""

from __future__ import annotations

import logging

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from simsvc.errors import DecisionRefused, DecisionSuperseded
from simsvc.steps.deciding import checked_decision
from simsvc.web.current import note_export, person, services
from simsvc.web.errors import status_of
from simsvc.web.pages.result import FIELDS, result_page
from simsvc.web.pages.sheet import sheet_of

blueprint = Blueprint("decisions", __name__, url_prefix="/estimates/<public_id>")

_log = logging.getLogger(__name__)


@blueprint.post("/decisions")
def create(public_id: str) -> ResponseReturnValue:
    """Put a decision on record; one that cannot be is shown again with the reason."""
    recorded = services().estimates.find(public_id)
    typed = {name: request.form.get(name, "") for name in FIELDS}
    try:
        draft = checked_decision(
            typed["kind"], typed["age"], typed["reason"], typed["note"], recorded.estimate
        )
        made = services().decisions.add(public_id, draft, person().id, _after(), services().now())
    except (DecisionRefused, DecisionSuperseded) as refusal:
        return result_page(recorded, typed, refusal.sentence), status_of(refusal)
    _log.info("user %s decided on record %s, number %s", person().id, recorded.number, made.number)
    flash(gettext("The decision is on record."))
    return redirect(url_for("pages.show", public_id=public_id) + "#decision", 303)


@blueprint.get("/record.pdf")
def sheet(public_id: str) -> ResponseReturnValue:
    """Return the record as a PDF file."""
    from simsvc.engines.pdf_sheet import pdf  # noqa: PLC0415 - ReportLab is large, and few ask for paper

    recorded = services().estimates.find(public_id)
    note_export(f"estimate:{recorded.id}", format="pdf")
    response = Response(pdf(sheet_of(recorded)), mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'attachment; filename="record-{recorded.number}.pdf"'
    return response


def _after() -> int:
    """Return which decision the form's reader saw last; what is no number was seen by nobody."""
    text = request.form.get("after", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
