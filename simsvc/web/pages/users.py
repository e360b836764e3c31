"""/users: the accounts, for administrators."""

from __future__ import annotations

import logging

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from simsvc.errors import LastAdmin, NameRefused, NameTaken
from simsvc.flows.accounts import Accounts
from simsvc.values import ROLES, Invitation
from simsvc.web.current import person, services
from simsvc.web.errors import status_of
from simsvc.web.prefix import public_link

blueprint = Blueprint("users", __name__, url_prefix="/users")

_log = logging.getLogger(__name__)


@blueprint.get("")
def show() -> ResponseReturnValue:
    """List the accounts."""
    return _page()


@blueprint.post("")
def add() -> ResponseReturnValue:
    """Add an account and show its one-time link, this once."""
    name, role = request.form.get("name", ""), request.form.get("role", "")
    try:
        if role not in ROLES:
            raise NameRefused("Choose one of the roles in the list and try again.")
        invitation = _accounts().add(name, role)
    except (NameRefused, NameTaken) as refusal:
        return _page(problem=refusal.sentence, name=name, role=role), status_of(refusal)
    _log.info("user %s added user %s as %s", person().id, invitation.user.id, role)
    return _invited(invitation)


@blueprint.post("/<user_id>/disable")
def disable(user_id: str) -> ResponseReturnValue:
    """Close an account and end its sessions."""
    try:
        user = _accounts().disable(user_id)
    except LastAdmin as refusal:
        return _page(refused=refusal.sentence), status_of(refusal)
    _log.info("user %s disabled user %s", person().id, user.id)
    flash(gettext("%(name)s can no longer sign in.", name=user.name))
    return redirect(url_for("users.show"), 303)


@blueprint.post("/<user_id>/enable")
def enable(user_id: str) -> ResponseReturnValue:
    """Open an account again and lift its lock."""
    user = _accounts().enable(user_id)
    _log.info("user %s enabled user %s", person().id, user.id)
    flash(gettext("%(name)s can sign in again.", name=user.name))
    return redirect(url_for("users.show"), 303)


@blueprint.post("/<user_id>/link")
def invite(user_id: str) -> ResponseReturnValue:
    """Show a new one-time link, this once; password, sessions and older links count no more."""
    invitation = _accounts().reset(user_id)
    _log.info("user %s made a new link for user %s", person().id, user_id)
    return _invited(invitation)


def _accounts() -> Accounts:
    return services().accounts.acting(f"user:{person().id}")


def _invited(invitation: Invitation) -> str:
    link = public_link("sign_in.welcome", token=invitation.token)
    return _page(invitation=invitation, link=link)


def _page(**words: object) -> str:
    return render_template(
        "users.html", users=services().users.all(), roles=ROLES, now=services().now(), **words
    )
