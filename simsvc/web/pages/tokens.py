"""/tokens: what opens the API to programs, for administrators."""

from __future__ import annotations

import logging

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from simsvc.errors import TokenDraftRefused
from simsvc.steps.tokens import MOST_DAYS, USUAL_DAYS, checked_draft
from simsvc.values.tokens import SCOPES
from simsvc.web.current import person, services
from simsvc.web.errors import status_of

blueprint = Blueprint("tokens", __name__, url_prefix="/tokens")

_log = logging.getLogger(__name__)


@blueprint.get("")
def show() -> ResponseReturnValue:
    """List the tokens."""
    return _page()


@blueprint.post("")
def add() -> ResponseReturnValue:
    """Make a token and show its text, this once."""
    typed = {name: request.form.get(name, "") for name in ("name", "days")}
    scopes = request.form.getlist("scope")
    try:
        draft = checked_draft(typed["name"], scopes, typed["days"])
    except TokenDraftRefused as refusal:
        return _page(problem=refusal.sentence, typed=typed, chosen=scopes), status_of(refusal)
    made = services().tokens.create(draft, person().id)
    _log.info("user %s made token %s with %s", person().id, made.token.id, " ".join(made.token.scopes))
    return _page(made=made)


@blueprint.post("/<token_id>/revoke")
def revoke(token_id: str) -> ResponseReturnValue:
    """Let a token count no more, at once."""
    token = services().tokens.revoke(token_id, person().id)
    _log.info("user %s revoked token %s", person().id, token.id)
    flash(gettext("The token %(name)s opens nothing any more.", name=token.name))
    return redirect(url_for("tokens.show"), 303)


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
