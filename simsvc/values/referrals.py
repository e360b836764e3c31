"""Referrals: a record sent to a person or to a team's queue, for review or for a second opinion."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, get_args

ReferralState = Literal["open", "answered", "returned", "withdrawn"]
REFERRAL_STATES: tuple[ReferralState, ...] = get_args(ReferralState)
ReferralStep = Literal["take", "release", "answer", "return", "withdraw", "reassign", "comment"]
REFERRAL_STEPS: tuple[ReferralStep, ...] = get_args(ReferralStep)
Box = Literal["mine", "team", "sent", "answered", "overdue"]
BOXES: tuple[Box, ...] = get_args(Box)
"""Lists of open referrals: to a person, in her team's queue, sent by her, and past their due date."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads records.

    Attributes:
        actor: as records name it: the public id of an account, or "token:<id>".
        team: the account's team, or None.
        sees_all: whether every record is open to this reader.
    """

    actor: str
    team: str | None = None
    sees_all: bool = False


@dataclass(frozen=True, slots=True)
class Party:
    """Who acts on a referral; an administrator may do what the assignee and the sender may."""

    actor: str
    team: str | None = None
    is_admin: bool = False


@dataclass(frozen=True, slots=True)
class Addressee:
    """Where a referral goes: to a person by public id, or to a team's queue."""

    person: str | None = None
    team: str | None = None

    def __post_init__(self) -> None:
        if (self.person is None) == (self.team is None):
            raise ValueError("a referral goes to a person or to a team")


@dataclass(frozen=True, slots=True)
class ReferralDraft:
    """A checked referral that is not recorded yet.

    Attributes:
        second_opinion: whether the addressee decides before seeing earlier decisions.
        due_on: last day to answer, UTC, or None.
    """

    to: Addressee
    second_opinion: bool = False
    due_on: date | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True)
class ReferralAct:
    """A step that somebody takes.

    Attributes:
        version: of the referral that she saw, or None to take any.
        to: the new addressee of a reassigned referral.
    """

    step: ReferralStep
    party: Party
    version: int | None = None
    to: Addressee | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Referral:
    """A recorded referral; times are UTC.

    Attributes:
        id: public: 32 hex digits.
        estimate_id: public id of the record.
        number: running number of the record.
        sent_by: public id of an account, or "token:<id>".
        assignee: public id of the account that is to answer; None while it waits in a team's queue.
        team: the queue it was sent to, or None.
        version: increased by every step; whoever acts names the version she saw.
    """

    id: str
    estimate_id: str
    number: int
    case: str | None
    sent_by: str
    assignee: str | None
    team: str | None
    second_opinion: bool
    due_on: date | None
    state: ReferralState
    version: int
    created_at: datetime
    closed_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Return whether it still waits for an answer."""
        return self.state == "open"


@dataclass(frozen=True, slots=True)
class ReferralComment:
    """A comment on a referral, by an account or "token:<id>", at a time in UTC."""

    written_by: str
    text: str
    created_at: datetime
