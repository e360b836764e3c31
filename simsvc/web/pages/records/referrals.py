"""/referrals: records sent to you, to your team and by you, and what can be done with them."""

from __future__ import annotations

import logging

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from simsvc.domain.desk.referrals import checked_step
from simsvc.errors import ReferralChanged, ReferralRefused
from simsvc.store.reviews.referrals import PAGE_ROWS
from simsvc.values.referrals import BOXES, Box, Referral, ReferralStep
from simsvc.web.http.current import page_number, person, services
from simsvc.web.http.form_problems import Problems
from simsvc.web.http.once import Made, once
from simsvc.web.pages.records.referral_parts import shown_referral
from simsvc.web.pages.records.result import result_page
from simsvc.web.security.readers import party_of_person

blueprint = Blueprint("referrals", __name__, url_prefix="/referrals")

_log = logging.getLogger(__name__)


@blueprint.get("")
def list_all() -> ResponseReturnValue:
    """List the open referrals of a box, the most urgent first, and how many the others have."""
    reader, store, page = person(), services().referrals, page_number(10_000)
    box, today = _box(request.args.get("box", "")), services().now().date()
    party = party_of_person(reader)
    found = {name: store.box(name, party, today, page if name == box else 1) for name in BOXES}
    total, referrals = found[box]
    comments = store.comments([one.id for one in referrals])
    return render_template(
        "referrals.html",
        box=box,
        counts={name: count for name, (count, _) in found.items()},
        rows=[shown_referral(one, comments.get(one.id, ()), reader, today) for one in referrals],
        names=services().all_names(),
        page=page,
        pages=max(1, -(-total // PAGE_ROWS)),
    )


@blueprint.post("/<referral_id>/<step>")
def act(referral_id: str, step: str) -> ResponseReturnValue:
    """Take a step, and show the record again."""
    referral, problems = services().referrals.find(referral_id), Problems()
    typed = {name: request.form.get(name, "") for name in ("comment", "to")}
    field = "to" if step == "reassign" else "comment"
    with problems.noting(ReferralRefused, field), problems.noting(ReferralChanged):
        known = checked_step(step)
        once(lambda: _stepped(referral, known))
        flash(said_of(known))
    if problems.found:
        recorded = services().estimates.find(referral.estimate_id)
        return result_page(recorded, typed, problems.found), problems.status
    if request.form.get("next") == "list":
        return redirect(url_for("referrals.list_all"), 303)
    return redirect(url_for("pages.show", public_id=referral.estimate_id) + "#referral", 303)


def said_of(step: ReferralStep) -> str:
    """Return what a page says after a step."""
    words = {
        "take": gettext("This referral is yours now."),
        "release": gettext("The referral is back in the team's queue."),
        "return": gettext("The record was returned to the sender."),
        "withdraw": gettext("The referral was withdrawn."),
        "reassign": gettext("The record was sent on."),
        "comment": gettext("Comment added."),
    }
    return str(words[step])


def _stepped(referral: Referral, step: ReferralStep) -> Made:
    version = request.form.get("version", type=int)
    party, to, comment = (
        party_of_person(person()),
        request.form.get("to", ""),
        request.form.get("comment", ""),
    )
    services().referral_desk().step(referral.id, step, party, version=version, to=to, comment=comment)
    _log.info("user %s took step %s of referral %s", person().id, step, referral.id)
    return Made(referral.id)


def _box(text: str) -> Box:
    return next((name for name in BOXES if name == text), "mine")
