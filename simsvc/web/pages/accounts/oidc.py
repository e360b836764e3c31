"""/sign-in/oidc: the way to the OpenID provider and back."""

from __future__ import annotations

import logging
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from simsvc.adapters.oidc.provider import same_state
from simsvc.domain.accounts.session_age import HALF_WAY
from simsvc.errors import LastAdmin, LinkSpent, OidcRefused, OidcUnreachable
from simsvc.values import User
from simsvc.web.http.current import services, visitor
from simsvc.web.http.errors import status_of
from simsvc.web.http.form_problems import Problem
from simsvc.web.http.prefix import public_link
from simsvc.web.pages.accounts.sign_in import ways_in
from simsvc.web.security import recent, sessions
from simsvc.web.security.clients import Visit
from simsvc.web.security.csrf import target_of

blueprint = Blueprint("oidc", __name__, url_prefix="/sign-in/oidc")

KEPT = "oidc"
REFUSALS = (OidcRefused, OidcUnreachable, LinkSpent, LastAdmin)

_log = logging.getLogger(__name__)


@blueprint.get("")
def begin() -> ResponseReturnValue:
    """Lead to the OpenID provider: to sign in, to link an invited account, or to prove again who one is."""
    again = "confirm" in request.args and visitor() is not None
    try:
        begun = services().provider().begin(public_link("oidc.finish"), again=again)
    except REFUSALS as refusal:
        return _refused(refusal)
    session[KEPT] = {
        "state": begun.state,
        "nonce": begun.nonce,
        "verifier": begun.verifier,
        "at": int(services().now().timestamp()),
        "next": target_of(request.args.get("next")),
        "link": request.args.get("link", ""),
        "again": again,
    }
    return redirect(begun.url, 303)


@blueprint.get("/back")
def finish() -> ResponseReturnValue:
    """Take the answer of the OpenID provider, and sign in."""
    kept: dict[str, Any] = session.pop(KEPT, {})
    visit = Visit()
    try:
        _check_ours(kept)
        provider, again = services().provider(), bool(kept["again"])
        back = public_link("oidc.finish")
        identity = provider.finish(request.args, kept["nonce"], kept["verifier"], back, again=again)
        if again:
            services().identities().confirm(_signed_in(), identity, visit.client)
            recent.note_proof()
            return redirect(url_for("confirming.resume"), 303)
        user = services().identities().sign_in(identity, kept["link"], visit.client)
    except REFUSALS as refusal:
        _log.warning("sign-in by the OpenID provider refused: %s %s", refusal.code, refusal.reason)
        return _refused(refusal)
    sessions.begin(user, "oidc")
    _log.info("user %s signed in by oidc", user.id)
    response = make_response(redirect(kept["next"], 303))
    visit.remember(response)
    return response


def _check_ours(kept: dict[str, Any]) -> None:
    """Check that this browser began the sign-in, and not long ago."""
    late = not kept or services().now().timestamp() - kept["at"] >= HALF_WAY.total_seconds()
    if late or not same_state(kept["state"], request.args.get("state", "")):
        raise OidcRefused("late")


def _signed_in() -> User:
    user = visitor()
    if user is None:
        raise OidcRefused("late")
    return user


def _refused(refusal: OidcRefused | OidcUnreachable | LinkSpent | LastAdmin) -> ResponseReturnValue:
    if visitor() is not None:
        raise refusal
    words = {"next": target_of(request.args.get("next")), "problems": [Problem(refusal.message)]}
    return render_template("sign_in.html", **words, **ways_in()), status_of(refusal)
