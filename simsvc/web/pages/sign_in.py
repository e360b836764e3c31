"""/sign-in, /sign-out and /welcome: how a session begins and ends."""

from __future__ import annotations

import logging

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from simsvc.errors import PasswordRefused, SignInRefused
from simsvc.steps.passwords import LEAST_CHARACTERS
from simsvc.web import sessions
from simsvc.web.current import person, services, visitor
from simsvc.web.errors import status_of
from simsvc.web.forms import target_of, typed_twice

blueprint = Blueprint("sign_in", __name__)

_log = logging.getLogger(__name__)


@blueprint.get("/sign-in")
def form() -> ResponseReturnValue:
    """Show the sign-in form, or lead on who is signed in already."""
    target = target_of(request.args.get("next"))
    if visitor() is not None:
        return redirect(target, 303)
    return render_template("sign_in.html", next=target, ended="ended" in request.args)


@blueprint.post("/sign-in")
def enter() -> ResponseReturnValue:
    """Sign in and lead to where the visitor wanted to go."""
    name, target = request.form.get("name", ""), target_of(request.form.get("next"))
    try:
        user = services().accounts.sign_in(name, request.form.get("password", ""))
    except SignInRefused as refusal:
        _log.warning("sign-in refused")
        problem = {"next": target, "name": name, "problem": refusal.sentence}
        return render_template("sign_in.html", **problem), status_of(refusal)
    sessions.begin(user)
    _log.info("user %s signed in", user.id)
    return redirect(target, 303)


@blueprint.post("/sign-out")
def leave() -> ResponseReturnValue:
    """End every session of the account."""
    _log.info("user %s signed out", person().id)
    sessions.end()
    return redirect(url_for("sign_in.form"), 303)


@blueprint.get("/welcome/<token>")
def welcome(token: str) -> ResponseReturnValue:
    """Show whose one-time link this is; sending the form uses it up, because mail scanners follow links."""
    user = services().accounts.invited(token)
    return render_template("welcome.html", invited=user, token=token, least=LEAST_CHARACTERS)


@blueprint.post("/welcome/<token>")
def accept(token: str) -> ResponseReturnValue:
    """Set the password, use the link up and sign in."""
    user = services().accounts.invited(token)
    try:
        user = services().accounts.accept(token, typed_twice())
    except PasswordRefused as refusal:
        problem = {"invited": user, "token": token, "least": LEAST_CHARACTERS, "problem": refusal.sentence}
        return render_template("welcome.html", **problem), status_of(refusal)
    sessions.begin(user)
    _log.info("user %s used a one-time link", user.id)
    return redirect(url_for("pages.start"), 303)
