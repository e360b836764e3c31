"""Referrals: send a record to a person or team, take it, answer it, return it, comment on it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from simsvc.domain.desk.decisions import checked_text
from simsvc.domain.desk.referrals import check_step, checked_addressee, checked_comment, checked_due
from simsvc.errors import ReferralChanged
from simsvc.values import Decision, DecisionDraft, User
from simsvc.values.referrals import Party, Referral, ReferralAct, ReferralDraft, ReferralStep

NEEDS_COMMENT: frozenset[ReferralStep] = frozenset({"return", "comment"})


class ReferralBook(Protocol):
    """Keeps referrals. Every method is one transaction and raises StoreError."""

    def add(self, estimate_id: str, draft: ReferralDraft, sent_by: str, now: datetime) -> Referral:
        """Send a record; raises EstimateNotFound, ReferralExists, ReferralRefused."""

    def find(self, referral_id: str) -> Referral:
        """Return a referral; raises ReferralNotFound."""

    def step(self, referral_id: str, act: ReferralAct, now: datetime) -> Referral:
        """Take a step; raises ReferralNotFound, ReferralRefused, ReferralChanged."""


class DecisionBook(Protocol):
    """Keeps decisions. Every method is one transaction and raises StoreError."""

    def refer(
        self,
        estimate_id: str,
        draft: DecisionDraft,
        to: ReferralDraft,
        by: str,
        after: int,
        now: datetime,
    ) -> Referral:
        """Record a decision and send the record, both or neither."""

    def answer(
        self, referral: Referral, draft: DecisionDraft, party: Party, after: int, now: datetime
    ) -> Decision:
        """Record a decision that answers a referral, both or neither."""


@dataclass(frozen=True, slots=True)
class Referrals:
    """Operations on referrals; `people` returns all accounts."""

    book: ReferralBook
    decisions: DecisionBook
    people: Callable[[], Collection[User]]
    now: Callable[[], datetime]

    def today(self) -> date:
        """Return the current day, UTC, which due dates are compared with."""
        return self.now().date()

    def draft(
        self, to: str, due: str, comment: str, party: Party, *, second_opinion: bool = False
    ) -> ReferralDraft:
        """Return a checked referral; raises ReferralRefused."""
        addressee = checked_addressee(to, self.people(), party)
        return ReferralDraft(
            addressee, second_opinion, checked_due(due, self.today()), checked_comment(comment)
        )

    def send(self, estimate_id: str, draft: ReferralDraft, note: str, party: Party, after: int) -> Referral:
        """Send a record for review, which is a decision too, or for a second opinion, which is none.

        `after` is the number of the latest decision that the sender saw.

        Raises EstimateNotFound, ReferralExists if the record is sent already, ReferralRefused if the
        addressee has decided already, DecisionSuperseded, DecisionRefused if the note is too long.
        """
        if draft.second_opinion:
            return self.book.add(estimate_id, draft, party.actor, self.now())
        decision = DecisionDraft("refer", note=checked_text(note))
        return self.decisions.refer(estimate_id, decision, draft, party.actor, after, self.now())

    def answer(
        self, referral_id: str, draft: DecisionDraft, party: Party, after: int, version: int | None = None
    ) -> Decision:
        """Answer a referral by a decision.

        Raises ReferralNotFound, ReferralRefused if it is not this person's to answer, ReferralChanged,
        DecisionSuperseded.
        """
        referral = self.book.find(referral_id)
        if version not in {None, referral.version}:
            raise ReferralChanged()
        check_step("answer", referral, party)
        return self.decisions.answer(referral, draft, party, after, self.now())

    def step(
        self,
        referral_id: str,
        step: ReferralStep,
        party: Party,
        *,
        version: int | None = None,
        to: str = "",
        comment: str = "",
    ) -> Referral:
        """Take a step; only a reassigned referral needs `to`, and a return or comment needs words.

        Raises ReferralNotFound, ReferralRefused if it is not possible, ReferralChanged if somebody else was
        faster.
        """
        said = checked_comment(comment, needed=step in NEEDS_COMMENT)
        addressee = checked_addressee(to, self.people(), party) if step == "reassign" else None
        return self.book.step(referral_id, ReferralAct(step, party, version, addressee, said), self.now())
