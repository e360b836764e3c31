"""/account/second-factor: set up and remove your own second factor."""

from __future__ import annotations

import logging

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from simsvc.errors import CodeRefused, SecondFactorNeeded
from simsvc.flows.access.second_factor import SecondFactors
from simsvc.web.http.current import person, services
from simsvc.web.http.errors import status_of
from simsvc.web.http.form_problems import Problem
from simsvc.web.http.once import Made, once, shown_once
from simsvc.web.rendering.reports.qr_code import qr_code

blueprint = Blueprint("second_factor", __name__, url_prefix="/account/second-factor")

_log = logging.getLogger(__name__)


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Show the state of the second factor, how to set it up, and new recovery codes once."""
    codes = shown_once(request.args.get("codes", ""))
    return _page(new_codes=codes.split() if codes else [])


@blueprint.post("")
def set_up() -> ResponseReturnValue:
    """Put a second factor into use, given a code of it, and redirect to its recovery codes."""
    sealed = request.form.get("sealed", "")

    def made() -> Made:
        codes = _factors().set_up(person(), sealed, request.form.get("code", ""))
        return Made(person().id, "\n".join(codes))

    try:
        _check_on()
        answered = once(made)
    except (CodeRefused, SecondFactorNeeded) as refusal:
        fields = ("code",) if isinstance(refusal, CodeRefused) else ()
        return _page(sealed, problems=[Problem(refusal.message, fields)]), status_of(refusal)
    _log.info("user %s set up a second factor", person().id)
    return redirect(url_for("second_factor.show", codes=answered.reference), 303)


@blueprint.post("/recovery-codes")
def renew() -> ResponseReturnValue:
    """Replace the recovery codes and redirect to the new ones."""
    try:
        answered = once(lambda: Made(person().id, "\n".join(_factors().renew(person()))))
    except SecondFactorNeeded as refusal:
        return _page(problems=[Problem(refusal.message)]), status_of(refusal)
    _log.info("user %s renewed the recovery codes", person().id)
    return redirect(url_for("second_factor.show", codes=answered.reference), 303)


@blueprint.post("/remove")
def remove() -> ResponseReturnValue:
    """Remove the second factor; where one is required, a new one has to be set up next."""
    _factors().remove(person().id)
    _log.info("user %s removed the second factor", person().id)
    flash(gettext("Your second factor has been removed."))
    page = "second_factor.show" if services().settings.second_factor == "required" else "account.show"
    return redirect(url_for(page), 303)


def _factors() -> SecondFactors:
    return services().second_factors().acting(f"user:{person().id}")


def _check_on() -> None:
    if services().settings.second_factor == "off":
        raise SecondFactorNeeded("off")


def _page(sealed: str = "", **words: object) -> str:
    user, setting = person(), services().settings.second_factor
    draft = _factors().draft(user, sealed) if user.second_factor_at is None and setting != "off" else None
    return render_template(
        "second_factor.html",
        setting=setting,
        draft=draft,
        qr_code=qr_code(draft.uri) if draft else "",
        codes_left=services().second_factor_book.recovery_left(user.id),
        **words,
    )
