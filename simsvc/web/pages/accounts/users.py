"""/users: manage accounts, for administrators."""

from __future__ import annotations

import logging

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext

from simsvc.domain.accounts.passwords import checked_name
from simsvc.errors import ContactRefused, LastAdmin, NameRefused, NameTaken
from simsvc.flows.access.accounts import Accounts
from simsvc.values import ROLES, Role, User
from simsvc.web.http.current import person, services
from simsvc.web.http.errors import status_of
from simsvc.web.http.form_problems import Problem, Problems
from simsvc.web.http.once import Answered, Made, made_by, once, shown_once
from simsvc.web.http.prefix import public_link
from simsvc.web.i18n.language import translated
from simsvc.web.security.sessions import current_session

blueprint = Blueprint("users", __name__, url_prefix="/users")

_log = logging.getLogger(__name__)


@blueprint.get("")
def show() -> ResponseReturnValue:
    """List the accounts, and show a new link once."""
    return _page(**_link())


@blueprint.post("")
def add() -> ResponseReturnValue:
    """Add an account and redirect to its one-time link."""
    name, role, problems = request.form.get("name", ""), request.form.get("role", ""), Problems()
    with problems.noting((NameRefused, NameTaken), "name"):
        if role in ROLES:
            return _to_link(once(lambda: _added(name, role)))
        checked_name(name)
    if role not in ROLES:
        problems.note(NameRefused("role"), "role")
    return _page(problems=problems.found, name=name, role=role), problems.status


@blueprint.get("/<user_id>")
def manage(user_id: str) -> ResponseReturnValue:
    """Show one account: role, sessions, second factor."""
    return _account_page(_accounts().find(user_id))


@blueprint.post("/<user_id>/role")
def change_role(user_id: str) -> ResponseReturnValue:
    """Change the role of an account; its sessions have it at once."""
    user, role, problems = _accounts().find(user_id), request.form.get("role", ""), Problems()
    if role not in ROLES:
        problems.note(NameRefused("role"), "role")
        return _account_page(user, problems=problems.found), problems.status
    try:
        user = _accounts().change_role(user_id, role)
    except LastAdmin as refusal:
        problems.note(refusal, "role")
        return _account_page(user, problems=problems.found, role=role), problems.status
    _log.info("user %s made user %s %s", person().id, user.id, role)
    flash(gettext("%(name)s now has the role %(role)s.", name=user.name, role=translated(role)))
    if user.id == person().id:
        return redirect(url_for("account.show"), 303)  # whose role may have gone
    return redirect(url_for("users.manage", user_id=user_id), 303)


@blueprint.post("/<user_id>/sessions/<int:number>/end")
def end_session(user_id: str, number: int) -> ResponseReturnValue:
    """Sign an account out in one browser."""
    return _ended(user_id, [number])


@blueprint.post("/<user_id>/sessions/end")
def end_sessions(user_id: str) -> ResponseReturnValue:
    """Sign an account out everywhere."""
    return _ended(user_id, [one.number for one in services().sessions.of(user_id, services().now())])


@blueprint.post("/<user_id>/second-factor/reset")
def reset_second_factor(user_id: str) -> ResponseReturnValue:
    """Remove the second factor of an account, for who lost the phone and the recovery codes."""
    user = _accounts().find(user_id)
    services().second_factors().acting(f"user:{person().id}").remove(user.id)
    _log.info("user %s reset the second factor of user %s", person().id, user.id)
    flash(gettext("The second factor of %(name)s has been reset.", name=user.name))
    return redirect(url_for("users.manage", user_id=user_id), 303)


@blueprint.post("/<user_id>/disable")
def disable(user_id: str) -> ResponseReturnValue:
    """Disable an account and end its sessions."""
    try:
        user = _accounts().disable(user_id)
    except LastAdmin as refusal:
        return _page(problems=[Problem(refusal.message)]), status_of(refusal)
    _log.info("user %s disabled user %s", person().id, user.id)
    flash(gettext("%(name)s can no longer sign in.", name=user.name))
    return redirect(url_for("users.show"), 303)


@blueprint.post("/<user_id>/enable")
def enable(user_id: str) -> ResponseReturnValue:
    """Enable an account; its tokens stay revoked."""
    user = _accounts().enable(user_id)
    _log.info("user %s enabled user %s", person().id, user.id)
    flash(gettext("%(name)s can sign in again.", name=user.name))
    return redirect(url_for("users.show"), 303)


@blueprint.post("/<user_id>/link")
def invite(user_id: str) -> ResponseReturnValue:
    """Create a new one-time link; password, sessions and older links stop working."""
    return _to_link(once(lambda: _reset(user_id)))


@blueprint.post("/<user_id>/contact")
def set_contact(user_id: str) -> ResponseReturnValue:
    """Change an account's team and mail address."""
    team, mail = request.form.get("team", ""), request.form.get("mail", "")
    try:
        user = _accounts().set_contact(user_id, team, mail)
    except ContactRefused as refusal:
        typed = {"user": user_id, "team": team, "mail": mail}
        about = f"{'mail' if refusal.reason == 'mail' else 'team'}-{user_id}"
        return _page(problems=[Problem(refusal.message, (about,))], contact=typed), status_of(refusal)
    _log.info("user %s changed team or mail address of user %s", person().id, user.id)
    flash(gettext("Team and mail address of %(name)s saved.", name=user.name))
    return redirect(url_for("users.show"), 303)


def _accounts() -> Accounts:
    return services().accounts.acting(f"user:{person().id}")


def _added(name: str, role: Role) -> Made:
    invitation = _accounts().add(name, role)
    _log.info("user %s added user %s as %s", person().id, invitation.user.id, role)
    return Made(invitation.user.id, invitation.token)


def _reset(user_id: str) -> Made:
    invitation = _accounts().reset(user_id)
    _log.info("user %s made a new link for user %s", person().id, user_id)
    return Made(user_id, invitation.token)


def _to_link(answered: Answered) -> ResponseReturnValue:
    return redirect(url_for("users.show", link=answered.reference), 303)


def _link() -> dict[str, object]:
    reference = request.args.get("link", "")
    user_id = made_by(reference)
    user = services().users.find(user_id) if user_id else None
    if user is None:
        return {}
    token = shown_once(reference)
    return {"invited": user, "link": public_link("sign_in.welcome", token=token) if token else ""}


def _ended(user_id: str, numbers: list[int]) -> ResponseReturnValue:
    user = _accounts().find(user_id)
    ended = services().sessions.end(user.id, f"user:{person().id}", numbers)
    _log.info("user %s ended %s sessions of user %s", person().id, ended, user.id)
    flash(ngettext("%(num)s session was signed out.", "%(num)s sessions were signed out.", ended))
    return redirect(url_for("users.manage", user_id=user_id), 303)


def _account_page(user: User, **words: object) -> str:
    shown: dict[str, object] = {
        "account": user,
        "sessions": services().sessions.of(user.id, services().now()),
        "current": current_session(),
        "roles": ROLES,
        "role": user.role,
        "now": services().now(),
    }
    return render_template("user.html", **{**shown, **words})


def _page(**words: object) -> str:
    return render_template(
        "users.html", users=services().users.all(), roles=ROLES, now=services().now(), **words
    )
