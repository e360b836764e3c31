"""/sign-in, /sign-out and /welcome: start and end sessions."""

from __future__ import annotations

import logging

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from simsvc.domain.accounts.passwords import LEAST_CHARACTERS
from simsvc.errors import PasswordRefused, SignInRefused
from simsvc.web.http.current import person, services, visitor
from simsvc.web.http.errors import status_of
from simsvc.web.http.form_problems import Problem
from simsvc.web.security import sessions
from simsvc.web.security.clients import Visit
from simsvc.web.security.csrf import target_of, typed_twice

blueprint = Blueprint("sign_in", __name__)

_log = logging.getLogger(__name__)


@blueprint.get("/sign-in")
def form() -> ResponseReturnValue:
    """Show the sign-in form, or redirect if already signed in."""
    target = target_of(request.args.get("next"))
    if visitor() is not None:
        return redirect(target, 303)
    return render_template("sign_in.html", next=target, ended="ended" in request.args)


@blueprint.post("/sign-in")
def enter() -> ResponseReturnValue:
    """Sign in and redirect to the requested page."""
    name, target = request.form.get("name", ""), target_of(request.values.get("next"))
    visit = Visit()
    try:
        user = services().accounts.sign_in(name, request.form.get("password", ""), visit.client)
    except SignInRefused as refusal:
        _log.warning("sign-in refused")
        wrong = Problem(refusal.message, ("name", "password"))
        shown = render_template("sign_in.html", next=target, name=name, problems=[wrong])
        return shown, status_of(refusal)
    sessions.begin(user)
    _log.info("user %s signed in", user.id)
    return _led_on(target, visit)


@blueprint.post("/sign-out")
def leave() -> ResponseReturnValue:
    """End every session of the account."""
    _log.info("user %s signed out", person().id)
    sessions.end()
    return redirect(url_for("sign_in.form"), 303)


@blueprint.get("/welcome/<token>")
def welcome(token: str) -> ResponseReturnValue:
    """Show the form of a one-time link; only POST uses the link, because mail scanners follow links."""
    user = services().accounts.invited(token)
    return render_template("welcome.html", invited=user, token=token, least=LEAST_CHARACTERS)


@blueprint.post("/welcome/<token>")
def accept(token: str) -> ResponseReturnValue:
    """Set the password, use the link and sign in."""
    user, visit = services().accounts.invited(token), Visit()
    try:
        user = services().accounts.accept(token, typed_twice(), visit.client)
    except PasswordRefused as refusal:
        wrong = [Problem(refusal.message, ("password", "again"))]
        words = {"invited": user, "token": token, "least": LEAST_CHARACTERS, "problems": wrong}
        return render_template("welcome.html", **words), status_of(refusal)
    sessions.begin(user)
    _log.info("user %s used a one-time link", user.id)
    return _led_on(url_for("home.show"), visit)


def _led_on(target: str, visit: Visit) -> ResponseReturnValue:
    response = make_response(redirect(target, 303))
    visit.remember(response)
    return response
