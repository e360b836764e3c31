"""/account: your own account and its sessions."""

from __future__ import annotations

import logging

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext

from simsvc.domain.accounts.passwords import LEAST_CHARACTERS
from simsvc.errors import PasswordRefused, SignInRefused
from simsvc.messages import N_, Message
from simsvc.web.http.current import person, services
from simsvc.web.http.errors import status_of
from simsvc.web.http.form_problems import Problem
from simsvc.web.security import sessions
from simsvc.web.security.clients import Visit
from simsvc.web.security.csrf import typed_twice

blueprint = Blueprint("account", __name__)

WRONG_OLD = Message(N_("The current password is wrong, or you must wait after several failed attempts."))

_log = logging.getLogger(__name__)


@blueprint.get("/account")
def show() -> ResponseReturnValue:
    """Show the account, its sessions and the form to change the password."""
    return _page()


@blueprint.post("/account")
def change() -> ResponseReturnValue:
    """Change the password and replace all sessions with a new one."""
    try:
        old, new = request.form.get("old", ""), typed_twice()
        user = services().accounts.change_password(person(), old, new, Visit().client)
    except PasswordRefused as refusal:
        return _page(Problem(refusal.message, ("password", "again"))), status_of(refusal)
    except SignInRefused as refusal:
        _log.warning("user %s gave a wrong old password", person().id)
        return _page(Problem(WRONG_OLD, ("old",))), status_of(refusal)
    sessions.begin(user, "password")
    _log.info("user %s changed the password", user.id)
    flash(gettext("Your password has been changed. You have been signed out everywhere else."))
    return redirect(url_for("account.show"), 303)


@blueprint.post("/account/sessions/<int:number>/end")
def end_session(number: int) -> ResponseReturnValue:
    """Sign out in one browser; in the one at hand, the sign-in page follows."""
    held = sessions.current_session()
    if held is not None and held.number == number:
        sessions.end()
        return redirect(url_for("sign_in.form"), 303)
    _end([number])
    return redirect(url_for("account.show"), 303)


@blueprint.post("/account/sessions/end-others")
def end_others() -> ResponseReturnValue:
    """Sign out in all browsers but the one at hand."""
    held = sessions.current_session()
    listed = services().sessions.of(person().id, services().now())
    _end([one.number for one in listed if held is None or one.number != held.number])
    return redirect(url_for("account.show"), 303)


def _end(numbers: list[int]) -> None:
    user = person()
    ended = services().sessions.end(user.id, f"user:{user.id}", numbers)
    _log.info("user %s ended %s of their sessions", user.id, ended)
    flash(ngettext("%(num)s session was signed out.", "%(num)s sessions were signed out.", ended))


def _page(*problems: Problem) -> str:
    user, held = person(), sessions.current_session()
    listed = services().sessions.of(user.id, services().now())
    return render_template(
        "account.html",
        least=LEAST_CHARACTERS,
        sessions=sorted(listed, key=lambda one: held is None or one.number != held.number),
        current=held,
        second_factor=services().settings.second_factor,
        by_password=services().settings.password_sign_in and user.has_password,
        problems=list(problems),
    )
