"""/tokens: manage API tokens, for administrators."""

from __future__ import annotations

import logging

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from simsvc.domain.accounts.tokens import (
    MOST_DAYS,
    USUAL_DAYS,
    checked_days,
    checked_draft,
    checked_name,
    checked_scopes,
)
from simsvc.errors import TokenDraftRefused
from simsvc.values.access.tokens import SCOPES, TokenDraft
from simsvc.web.http.current import person, services
from simsvc.web.http.form_problems import Problems
from simsvc.web.http.once import Made, made_by, once, shown_once

blueprint = Blueprint("tokens", __name__, url_prefix="/tokens")

_log = logging.getLogger(__name__)


@blueprint.get("")
def show() -> ResponseReturnValue:
    """List the tokens, and show the text of a new one once."""
    return _page(**_made())


@blueprint.post("")
def add() -> ResponseReturnValue:
    """Create a token and redirect to its text."""
    typed = {name: request.form.get(name, "") for name in ("name", "days")}
    scopes, problems = request.form.getlist("scope"), Problems()
    with problems.noting(TokenDraftRefused, "name"):
        checked_name(typed["name"])
    with problems.noting(TokenDraftRefused, f"scope-{SCOPES[0]}"):
        checked_scopes(scopes)
    with problems.noting(TokenDraftRefused, "days"):
        checked_days(typed["days"])
    if problems.found:
        return _page(problems=problems.found, typed=typed, chosen=scopes), problems.status
    answered = once(lambda: _create(checked_draft(typed["name"], scopes, typed["days"])))
    return redirect(url_for("tokens.show", made=answered.reference), 303)


@blueprint.post("/<token_id>/revoke")
def revoke(token_id: str) -> ResponseReturnValue:
    """Revoke a token."""
    token = services().tokens.revoke(token_id, person().id)
    _log.info("user %s revoked token %s", person().id, token.id)
    flash(gettext("Token %(name)s has been revoked.", name=token.name))
    return redirect(url_for("tokens.show"), 303)


def _create(draft: TokenDraft) -> Made:
    made = services().tokens.create(draft, person().id)
    _log.info("user %s made token %s with %s", person().id, made.token.id, " ".join(made.token.scopes))
    return Made(made.token.id, made.text)


def _made() -> dict[str, object]:
    reference = request.args.get("made", "")
    token_id = made_by(reference)
    found = services().token_book.find(token_id) if token_id else None
    return {"made": found[0], "text": shown_once(reference)} if found else {}


def _page(**words: object) -> str:
    tokens = services().token_book.all()
    shown: dict[str, object] = {
        "tokens": tokens,
        "names": services().users.names([token.created_by for token in tokens]),
        "scopes": SCOPES,
        "now": services().now(),
        "usual_days": USUAL_DAYS,
        "most_days": MOST_DAYS,
        "typed": {},
        "chosen": [],
    }
    return render_template("tokens.html", **{**shown, **words})
