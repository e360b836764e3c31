"""/estimates/<id>/decisions: record decisions, and download records as PDF."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from markupsafe import Markup

from simsvc.domain.desk.decisions import (
    checked_age,
    checked_decision,
    checked_kind,
    checked_needed,
    checked_reason,
    checked_text,
)
from simsvc.domain.desk.referrals import checked_addressee, checked_comment, checked_due
from simsvc.errors import DecisionRefused, DecisionSuperseded, ReferralExists, ReferralRefused
from simsvc.values import RecordedEstimate
from simsvc.web.http.current import note_export, person, services
from simsvc.web.http.form_problems import Problems
from simsvc.web.http.once import Made, once
from simsvc.web.pages.records.reports import pdf_response
from simsvc.web.pages.records.result import FIELDS, NEXT, continues, result_page
from simsvc.web.rendering.reports.sheet import record_report
from simsvc.web.security.readers import party_of_person

REFER_FIELDS = ("refer_to", "due", "second_opinion", "refer_comment")

blueprint = Blueprint("decisions", __name__, url_prefix="/estimates/<public_id>")

_log = logging.getLogger(__name__)


@blueprint.post("/decisions")
def create(public_id: str) -> ResponseReturnValue:
    """Record a decision, or show the form again with its problems."""
    recorded = services().estimates.find(public_id)
    typed = {name: request.form.get(name, "") for name in (*FIELDS, *REFER_FIELDS)}
    problems = _problems(typed, recorded)
    with problems.noting((DecisionSuperseded, ReferralExists)), problems.noting(ReferralRefused, "refer_to"):
        if not problems.found:
            once(lambda: _referred(recorded, typed) if _is_sent(typed) else decided(recorded, typed))
    if problems.found:
        return result_page(recorded, typed, problems.found), problems.status
    return _led_on(recorded, sent=_is_sent(typed))


@blueprint.get("/record.pdf")
def sheet(public_id: str) -> ResponseReturnValue:
    """Return the report of the record as a PDF file."""
    recorded = services().estimates.find(public_id)
    printed = note_export(f"estimate:{recorded.id}", format="pdf")
    return pdf_response(lambda: record_report(recorded, printed), f"record-{recorded.number}.pdf")


def _problems(typed: Mapping[str, str], recorded: RecordedEstimate) -> Problems:
    problems = Problems()
    with problems.noting(DecisionRefused):
        checked_kind(typed["kind"], recorded.estimate)
    with problems.noting(DecisionRefused, "note"):
        checked_text(typed["note"])
    if typed["kind"] == "need_more":
        with problems.noting(DecisionRefused, "needed"):
            checked_needed(_note(typed))
    if typed["kind"] == "override":
        with problems.noting(DecisionRefused, "age"):
            checked_age(typed["age"])
        with problems.noting(DecisionRefused, "reason"):
            checked_reason(typed["reason"])
    if _is_sent(typed):
        party, desk = party_of_person(person()), services().referral_desk()
        with problems.noting(ReferralRefused, "refer_to"):
            checked_addressee(typed["refer_to"], desk.people(), party)
        with problems.noting(ReferralRefused, "due"):
            checked_due(typed["due"], desk.today())
        with problems.noting(ReferralRefused, "refer_comment"):
            checked_comment(typed["refer_comment"])
    return problems


def decided(recorded: RecordedEstimate, typed: Mapping[str, str]) -> Made:
    """Record a decision that was typed, here or in a row of a batch."""
    draft = checked_decision(typed["kind"], typed["age"], typed["reason"], _note(typed), recorded.estimate)
    made = services().decisions.add(recorded.id, draft, person().id, _after(), services().now())
    _log.info("user %s decided on record %s, number %s", person().id, recorded.number, made.number)
    return Made(f"{recorded.id}/{made.number}")


def _is_sent(typed: Mapping[str, str]) -> bool:
    """Return whether the record is to be sent to somebody; "need more" without an addressee only says so."""
    return typed["kind"] == "refer" and bool(typed["refer_to"] or typed["second_opinion"])


def _referred(recorded: RecordedEstimate, typed: Mapping[str, str]) -> Made:
    desk, party = services().referral_desk(), party_of_person(person())
    draft = desk.draft(
        typed["refer_to"],
        typed["due"],
        typed["refer_comment"],
        party,
        second_opinion=bool(typed["second_opinion"]),
    )
    referral = desk.send(recorded.id, draft, _note(typed), party, _after())
    _log.info("user %s sent record %s by referral %s", person().id, recorded.number, referral.id)
    return Made(referral.id)


def _note(typed: Mapping[str, str]) -> str:
    """Return the note of a decision; what is needed comes first."""
    needed = typed["needed"] if typed["kind"] == "need_more" else ""
    return "\n\n".join(part for text in (needed, typed["note"]) if (part := text.strip()))


def _led_on(recorded: RecordedEstimate, *, sent: bool) -> ResponseReturnValue:
    """Lead to the next undecided record if the form asks for it, else back to the record."""
    following = services().undecided.neighbouring_undecided(recorded.number).next
    here = url_for("pages.show", public_id=recorded.id)
    if not continues() or following is None:
        flash(gettext("Sent for review.") if sent else gettext("Decision recorded."))
        return redirect(here, 303)
    name = gettext("record %(number)s", number=recorded.number)
    said = gettext("Sent for review:") if sent else gettext("Decision recorded:")
    flash(Markup('{} <a href="{}">{}</a>').format(said, here, name))
    return redirect(url_for("pages.show", public_id=following.id, then=NEXT), 303)


def _after() -> int:
    """Return the number of the latest decision the reader saw, or 0."""
    text = request.form.get("after", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
