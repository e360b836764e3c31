"""/account: your own account."""

from __future__ import annotations

import logging

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

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
    """Show the account and the form to change the password."""
    return render_template("account.html", least=LEAST_CHARACTERS)


@blueprint.post("/account")
def change() -> ResponseReturnValue:
    """Change the password and replace all sessions with a new one."""
    try:
        old, new = request.form.get("old", ""), typed_twice()
        user = services().accounts.change_password(person(), old, new, Visit().client)
    except PasswordRefused as refusal:
        return _again(refusal.message, "password", "again"), status_of(refusal)
    except SignInRefused as refusal:
        _log.warning("user %s gave a wrong old password", person().id)
        return _again(WRONG_OLD, "old"), status_of(refusal)
    sessions.begin(user)
    _log.info("user %s changed the password", user.id)
    flash(gettext("Your password has been changed. You have been signed out everywhere else."))
    return redirect(url_for("account.show"), 303)


def _again(said: Message, *fields: str) -> str:
    return render_template("account.html", least=LEAST_CHARACTERS, problems=[Problem(said, fields)])
