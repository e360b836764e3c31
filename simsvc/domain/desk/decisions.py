"""Rules for decisions."""

from __future__ import annotations

from simsvc.domain.desk.declared import OLDEST_YEARS
from simsvc.errors import DecisionRefused
from simsvc.values import DECISION_KINDS, DecisionDraft, DecisionKind, Estimate

TEXT_CHARACTERS = 2000
"""Maximum length of a note or a reason, about a printed page."""


def checked_decision(kind: str, age: str, reason: str, note: str, estimate: Estimate) -> DecisionDraft:
    """Return a checked decision.

    Raises:
        DecisionRefused: it is incomplete or does not fit the estimate.
    """
    chosen = checked_kind(kind, estimate)
    reason, note = checked_text(reason), checked_text(note)
    if chosen == "override":
        reason = checked_reason(reason)
        return DecisionDraft(chosen, checked_age(age), reason, note)
    return DecisionDraft(chosen, note=checked_needed(note) if chosen == "need_more" else note)


def acceptable(estimate: Estimate) -> bool:
    """Return whether there is a reliable estimate to accept."""
    return estimate.age_years is not None and not estimate.refer


def checked_text(text: str) -> str:
    """Return a note or a reason, trimmed.

    Raises:
        DecisionRefused: it is too long.
    """
    if len(text.strip()) > TEXT_CHARACTERS:
        raise DecisionRefused("note", most=TEXT_CHARACTERS)
    return text.strip()


def checked_reason(text: str) -> str:
    """Return the reason of an override.

    Raises:
        DecisionRefused: there is none, or it is too long.
    """
    reason = checked_text(text)
    if not reason:
        raise DecisionRefused("reason")
    return reason


def checked_needed(text: str) -> str:
    """Return the note that says what is needed to decide.

    Raises:
        DecisionRefused: there is none, or it is too long.
    """
    note = checked_text(text)
    if not note:
        raise DecisionRefused("needed")
    return note


def checked_kind(kind: str, estimate: Estimate) -> DecisionKind:
    """Return the kind of a decision.

    Raises:
        DecisionRefused: the kind is unknown or not allowed for the estimate.
    """
    known: dict[str, DecisionKind] = {name: name for name in DECISION_KINDS}
    if kind not in known:
        raise DecisionRefused("kind")
    if kind == "accept" and not acceptable(estimate):
        raise DecisionRefused("unreliable")
    return known[kind]


def checked_age(text: str) -> int:
    """Return the age of an override, in years.

    Raises:
        DecisionRefused: it is not an age in whole years.
    """
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 3 and int(digits) <= OLDEST_YEARS):
        raise DecisionRefused("age", most_years=OLDEST_YEARS)
    return int(digits)
