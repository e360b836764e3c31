"""Rules for referrals: who may do what, and what a referral is afterwards."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime

from simsvc.domain.desk.decisions import TEXT_CHARACTERS
from simsvc.errors import ReferralRefused
from simsvc.values import User
from simsvc.values.referrals import (
    REFERRAL_STEPS,
    Addressee,
    Party,
    Referral,
    ReferralAct,
    ReferralDraft,
    ReferralState,
    ReferralStep,
)

PERSON, TEAM = "user:", "team:"
"""Prefixes of an addressee as a form writes it."""
CLOSED_BY: dict[ReferralStep, ReferralState] = {
    "answer": "answered",
    "return": "returned",
    "withdraw": "withdrawn",
}
ANSWERING: frozenset[ReferralStep] = frozenset({"take", "release", "answer", "return"})
"""Steps of the person or team that a referral was sent to."""
LATEST_DUE_YEAR = 9000
"""Every database can store dates up to it."""


def may(step: ReferralStep, referral: Referral, party: Party) -> bool:
    """Return whether a person may take a step, for pages that offer only what is possible."""
    try:
        check_step(step, referral, party)
    except ReferralRefused:
        return False
    return True


def check_step(step: ReferralStep, referral: Referral, party: Party) -> None:
    """Check that a person may take a step.

    Raises:
        ReferralRefused: the referral is closed, or the step is for others.
    """
    if step != "comment" and not referral.is_open:
        raise ReferralRefused("closed")
    if step in {"comment", "reassign"} and not is_involved(referral, party):
        raise ReferralRefused("not_involved")
    if step == "withdraw" and not (party.is_admin or party.actor == referral.sent_by):
        raise ReferralRefused("not_sender")
    if step == "take" and referral.assignee is not None:
        raise ReferralRefused("taken")
    if step == "release" and referral.team is None:
        raise ReferralRefused("no_queue")
    if step in ANSWERING and not may_answer(referral, party):
        raise ReferralRefused("not_yours")
    if step == "release" and referral.assignee is None:
        raise ReferralRefused("not_yours")


def advanced(act: ReferralAct, referral: Referral, now: datetime) -> Referral:
    """Return the referral after a step.

    Raises:
        ReferralRefused: the step is not possible.
    """
    step, party, to = act.step, act.party, act.to
    check_step(step, referral, party)
    if step == "comment":
        return referral
    later = replace(referral, version=referral.version + 1)
    if step == "take":
        return replace(later, assignee=party.actor)
    if step == "release":
        return replace(later, assignee=None)
    if step == "reassign":
        if to is None:
            raise ReferralRefused("nobody")
        return replace(later, assignee=to.person, team=to.team)
    assignee = later.assignee if step == "withdraw" else later.assignee or party.actor
    return replace(later, state=CLOSED_BY[step], closed_at=now, assignee=assignee)


def may_answer(referral: Referral, party: Party) -> bool:
    """Return whether an open referral is this person's to answer: hers, or untaken in her team's queue."""
    if party.is_admin or referral.assignee is not None:
        return party.is_admin or referral.assignee == party.actor
    return party.team is not None and referral.team == party.team


def is_involved(referral: Referral, party: Party) -> bool:
    """Return whether this person sent the referral, has it, or belongs to the team it was sent to."""
    in_team = party.team is not None and referral.team == party.team
    return party.is_admin or in_team or party.actor in {referral.sent_by, referral.assignee}


def is_overdue(referral: Referral, today: date) -> bool:
    """Return whether an open referral is past its due date."""
    return referral.is_open and referral.due_on is not None and referral.due_on < today


def can_decide(user: User) -> bool:
    """Return whether an account may record decisions."""
    return not user.disabled and user.role in {"underwriter", "admin"}


def teams_of(users: Collection[User]) -> tuple[str, ...]:
    """Return the teams that have someone who may decide, by name."""
    return tuple(sorted({user.team for user in users if user.team and can_decide(user)}))


def checked_addressee(text: str, users: Collection[User], party: Party) -> Addressee:
    """Return the addressee that a form or program names, as "user:<public id>" or "team:<name>".

    Raises:
        ReferralRefused: there is none, it cannot decide, or it is the sender.
    """
    if text.startswith(TEAM) and text[len(TEAM) :] in teams_of(users):
        return Addressee(team=text[len(TEAM) :])
    if not text.strip().removeprefix(PERSON):
        raise ReferralRefused("nobody")
    person = text.removeprefix(PERSON)
    if not any(user.id == person and can_decide(user) for user in users):
        raise ReferralRefused("unknown")
    if person == party.actor:
        raise ReferralRefused("yourself")
    return Addressee(person=person)


def checked_due(text: str, today: date) -> date | None:
    """Return the due date from ISO text, None if empty.

    Raises:
        ReferralRefused: it is no date, or in the past.
    """
    if not text.strip():
        return None
    try:
        due = date.fromisoformat(text.strip())
    except ValueError:
        raise ReferralRefused("due") from None
    if due < today or due.year > LATEST_DUE_YEAR:
        raise ReferralRefused("due")
    return due


def checked_comment(text: str, *, needed: bool = False) -> str:
    """Return a comment, trimmed.

    Raises:
        ReferralRefused: it is too long, or needed and empty.
    """
    if len(text.strip()) > TEXT_CHARACTERS:
        raise ReferralRefused("comment", most=TEXT_CHARACTERS)
    if needed and not text.strip():
        raise ReferralRefused("no_comment")
    return text.strip()


def checked_step(text: str) -> ReferralStep:
    """Return the step of a form.

    Raises:
        ReferralRefused: there is no such step; an answer is a decision and no step of a form.
    """
    known: dict[str, ReferralStep] = {step: step for step in REFERRAL_STEPS if step != "answer"}
    if text not in known:
        raise ReferralRefused("step")
    return known[text]


def check_independent(draft: ReferralDraft, decided_by: Collection[str]) -> None:
    """Check that a second opinion is asked of somebody who has not decided on the record.

    Raises:
        ReferralRefused: this person has.
    """
    if draft.second_opinion and draft.to.person in decided_by:
        raise ReferralRefused("decided")
