"""/erase/...: erase a record or a case after confirmation."""

from __future__ import annotations

import logging

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from simsvc.errors import NotConfirmed
from simsvc.values.erasure import Erasable, Receipt
from simsvc.web.http.current import person, services
from simsvc.web.http.errors import status_of
from simsvc.web.http.form_problems import Problem
from simsvc.wiring.erasure import eraser

blueprint = Blueprint("erasing", __name__, url_prefix="/erase")

_log = logging.getLogger(__name__)


@blueprint.get("/estimates/<public_id>")
def estimate(public_id: str) -> ResponseReturnValue:
    """Show what erasing an estimate deletes."""
    number = services().estimates.find(public_id).number
    return _page(eraser(services()).records.of_estimate(public_id), number=number)


@blueprint.post("/estimates/<public_id>")
def erase_estimate(public_id: str) -> ResponseReturnValue:
    """Erase an estimate if confirmed."""
    if not _confirmed():
        number = services().estimates.find(public_id).number
        return _unconfirmed(eraser(services()).records.of_estimate(public_id), number=number)
    return _done(eraser(services()).estimate(public_id, _actor()))


@blueprint.get("/cases/<path:reference>")
def case(reference: str) -> ResponseReturnValue:
    """Show what erasing a case deletes."""
    return _page(eraser(services()).records.of_case(reference), reference=reference)


@blueprint.post("/cases/<path:reference>")
def erase_case(reference: str) -> ResponseReturnValue:
    """Erase a case if confirmed."""
    if not _confirmed():
        return _unconfirmed(eraser(services()).records.of_case(reference), reference=reference)
    return _done(eraser(services()).case(reference, _actor()))


def _confirmed() -> bool:
    return request.form.get("confirmed") == "1"


def _actor() -> str:
    return f"user:{person().id}"


def _unconfirmed(found: Erasable, **named: object) -> ResponseReturnValue:
    refusal = NotConfirmed()
    wrong = [Problem(refusal.message, ("confirmed",))]
    return _page(found, problems=wrong, **named), status_of(refusal)


def _page(found: Erasable, **words: object) -> str:
    return render_template("erase.html", counts=found.counts, **words)


def _done(receipt: Receipt) -> ResponseReturnValue:
    _log.info("user %s erased something, event %s", person().id, receipt.event)
    flash(gettext("Erased. The receipt is event %(number)s in the log.", number=receipt.event))
    if eraser(services()).unfinished():
        flash(
            gettext(
                "The database files still hold copies while the database is being read. "
                "The service overwrites them automatically and logs when it is done."
            )
        )
    return redirect(url_for("history.show"), 303)
