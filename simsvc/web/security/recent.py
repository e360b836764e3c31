"""Proof of identity before sensitive acts: not older than 15 minutes, else a page asks for it.

The page holds what was typed and sends it on together with the proof, so nothing has to be typed twice. The
way to the OpenID provider and back cannot take a form along; the session keeps it, if it is small enough.

Source: OWASP ASVS 4.0, requirement 3.7.1; OWASP Authentication Cheat Sheet, "Require Re-authentication for
Sensitive Features".
"""

from __future__ import annotations

import json

from flask import Flask, render_template, request, session
from flask.typing import ResponseReturnValue

from simsvc.domain.accounts.session_age import is_recent
from simsvc.errors import CodeRefused, SignInRefused
from simsvc.messages import N_, Message
from simsvc.web.http.current import person, services
from simsvc.web.http.errors import status_of
from simsvc.web.http.form_problems import Problem
from simsvc.web.http.kept_form import CODE, PASSWORD, Pairs, kept_fields
from simsvc.web.security.clients import Visit
from simsvc.web.security.sessions import current_session

SENSITIVE = frozenset(
    {
        "users.add",
        "users.change_role",
        "users.disable",
        "users.invite",
        "users.reset_second_factor",
        "second_factor.set_up",
        "second_factor.renew",
        "second_factor.remove",
        "tokens.add",
        "indexes.use",
        "erasing.erase_estimate",
        "erasing.erase_case",
    }
)
"""Endpoints of forms that ask for recent proof of identity."""
KEPT_BYTES = 2_000
"""Of a form in the session, whose cookie may have 4,096 bytes. Source: RFC 6265, section 6.1."""
KEPT = "kept_form"
WRONG_PASSWORD = Message(N_("The password is wrong, or you must wait after several failed attempts."))


def register(app: Flask) -> None:
    """Check every form that is sent; call it when forms are checked against forgery."""
    app.before_request(check)


def check() -> ResponseReturnValue | None:
    """Return a page that asks for proof of identity, or None where there is some or none is needed."""
    if request.method != "POST" or request.endpoint not in SENSITIVE or _is_recent():
        return None
    password, code = request.form.get(PASSWORD, ""), request.form.get(CODE, "")
    if not password and not code:
        return _page(), 403
    try:
        if password and services().settings.password_sign_in:
            services().accounts.confirm(person(), password, Visit().client)
        else:
            services().second_factors().confirm(person(), code, Visit().client)
    except SignInRefused as refusal:
        return _page(Problem(WRONG_PASSWORD, (PASSWORD,))), status_of(refusal)
    except CodeRefused as refusal:
        return _page(Problem(refusal.message, (CODE,))), status_of(refusal)
    note_proof()
    return None


def note_proof() -> None:
    """Note in the session at hand that its person just proved who they are."""
    held = current_session()
    if held is not None:
        services().sessions.authenticated(held.number, services().now())


def take_kept_form() -> tuple[str, Pairs] | None:
    """Return address and fields of the form that was kept on the way to the provider, and forget it."""
    kept = session.pop(KEPT, None)
    return (kept[0], [(name, value) for name, value in kept[1]]) if kept else None


def _is_recent() -> bool:
    held = current_session()
    return held is not None and is_recent(held.authenticated_at, services().now())


def _page(*problems: Problem) -> str:
    user, settings = person(), services().settings
    fields, action = kept_fields(), request.script_root + request.path
    by_provider = user.linked and bool(settings.oidc_issuer)
    if by_provider:
        _keep(action, fields)
    return render_template(
        "confirm.html",
        action=action,
        fields=fields,
        by_password=user.has_password and settings.password_sign_in,
        by_code=services().accounts.needs_code(user),
        by_provider=by_provider,
        problems=list(problems),
    )


def _keep(action: str, fields: Pairs) -> None:
    session.pop(KEPT, None)
    if len(json.dumps(fields)) <= KEPT_BYTES:
        session[KEPT] = [action, fields]
