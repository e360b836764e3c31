"""/sign-in, /sign-out and /welcome: start and end sessions."""

from __future__ import annotations

import logging

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from simsvc.domain.accounts.passwords import LEAST_CHARACTERS
from simsvc.errors import CodeRefused, PasswordRefused, PasswordsOff, SignInRefused
from simsvc.values import SignInMethod, User
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
    return render_template("sign_in.html", next=target, ended=request.args.get("ended"), **ways_in())


@blueprint.post("/sign-in")
def enter() -> ResponseReturnValue:
    """Sign in and redirect to the requested page, or ask for the code of the second factor."""
    name, target = request.form.get("name", ""), target_of(request.values.get("next"))
    visit = Visit()
    try:
        _check_passwords_on()
        user = services().accounts.sign_in(name, request.form.get("password", ""), visit.client)
    except (SignInRefused, PasswordsOff) as refusal:
        _log.warning("sign-in refused")
        fields = ("name", "password") if isinstance(refusal, SignInRefused) else ()
        words = {"next": target, "name": name, "problems": [Problem(refusal.message, fields)]}
        return render_template("sign_in.html", **words, **ways_in()), status_of(refusal)
    return _opened(user, "password", target, visit)


@blueprint.get("/sign-in/code")
def ask_code() -> ResponseReturnValue:
    """Show the form for the code of the second factor."""
    if sessions.half_signed_in() is None:
        return redirect(url_for("sign_in.form", next=request.args.get("next")), 303)
    return render_template("sign_in_code.html", next=target_of(request.args.get("next")))


@blueprint.post("/sign-in/code")
def enter_code() -> ResponseReturnValue:
    """Check the code, sign in and redirect to the requested page."""
    half, target = sessions.half_signed_in(), target_of(request.values.get("next"))
    if half is None:
        late = CodeRefused("late")
        words = {"next": target, "problems": [Problem(late.message)]}
        return render_template("sign_in.html", **words, **ways_in()), status_of(late)
    user, method = half
    visit = Visit()
    try:
        services().second_factors().sign_in(user, request.form.get("code", ""), visit.client)
    except CodeRefused as refusal:
        _log.warning("user %s gave a wrong code", user.id)
        wrong = [Problem(refusal.message, ("code",))]
        return render_template("sign_in_code.html", next=target, problems=wrong), status_of(refusal)
    return _begun(user, method, target, visit)


@blueprint.post("/sign-out")
def leave() -> ResponseReturnValue:
    """End the session at hand."""
    _log.info("user %s signed out", person().id)
    sessions.end()
    return redirect(url_for("sign_in.form"), 303)


@blueprint.get("/welcome/<token>")
def welcome(token: str) -> ResponseReturnValue:
    """Show the form of a one-time link; only POST uses the link, because mail scanners follow links."""
    user = services().accounts.invited(token)
    words = {"invited": user, "token": token, "least": LEAST_CHARACTERS}
    return render_template("welcome.html", **words, **ways_in())


@blueprint.post("/welcome/<token>")
def accept(token: str) -> ResponseReturnValue:
    """Set the password, use the link and sign in."""
    user, visit = services().accounts.invited(token), Visit()
    try:
        _check_passwords_on()
        user = services().accounts.accept(token, typed_twice(), visit.client)
    except (PasswordRefused, PasswordsOff) as refusal:
        fields = ("password", "again") if isinstance(refusal, PasswordRefused) else ()
        wrong = [Problem(refusal.message, fields)]
        words = {"invited": user, "token": token, "least": LEAST_CHARACTERS, "problems": wrong}
        return render_template("welcome.html", **words, **ways_in()), status_of(refusal)
    _log.info("user %s used a one-time link", user.id)
    return _opened(user, "link", url_for("home.show"), visit)


def ways_in() -> dict[str, bool]:
    """Return what the pages need to know of how people can sign in here."""
    settings = services().settings
    return {"by_password": settings.password_sign_in, "by_provider": bool(settings.oidc_issuer)}


def _check_passwords_on() -> None:
    if not services().settings.password_sign_in:
        raise PasswordsOff()


def _opened(user: User, method: SignInMethod, target: str, visit: Visit) -> ResponseReturnValue:
    """Begin a session, or lead on to the code of the second factor."""
    if services().accounts.needs_code(user):
        sessions.begin_half(user, method)
        return redirect(url_for("sign_in.ask_code", next=target if target != "/" else None), 303)
    return _begun(user, method, target, visit)


def _begun(user: User, method: SignInMethod, target: str, visit: Visit) -> ResponseReturnValue:
    sessions.begin(user, method)
    _log.info("user %s signed in by %s", user.id, method)
    response = make_response(redirect(target, 303))
    visit.remember(response)
    return response
