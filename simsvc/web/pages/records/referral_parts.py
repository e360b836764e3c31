"""What pages show of referrals."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from flask import g

from simsvc.domain.desk.referrals import PERSON, TEAM, can_decide, is_overdue, may, may_answer, teams_of
from simsvc.values import RecordedEstimate, User
from simsvc.values.referrals import REFERRAL_STEPS, Party, Referral, ReferralComment, ReferralStep
from simsvc.web.http.current import person, services, visitor
from simsvc.web.security.readers import party_of_person


@dataclass(frozen=True, slots=True)
class ShownReferral:
    """A referral on a page: its comments, and the steps that the reader may take."""

    referral: Referral
    comments: tuple[ReferralComment, ...]
    steps: frozenset[ReferralStep]
    overdue: bool


@dataclass(frozen=True, slots=True)
class ReferralPart:
    """What the result page shows of referrals.

    Attributes:
        shown: the latest first.
        blind: whether earlier decisions are hidden, because the reader is to give a second opinion.
        addressees: values and names of the people and teams that a record can be sent to.
        names: of accounts and tokens, by their ids in records.
    """

    shown: tuple[ShownReferral, ...]
    blind: bool
    people: tuple[tuple[str, str], ...]
    teams: tuple[tuple[str, str], ...]
    names: Mapping[str, str]
    today: date

    @property
    def open(self) -> Referral | None:
        """Return the referral that waits for an answer, if any."""
        return next((one.referral for one in self.shown if one.referral.is_open), None)


def referral_part(recorded: RecordedEstimate) -> ReferralPart:
    """Return what the result page shows of a record's referrals.

    Raises:
        StoreError: the database cannot be read.
    """
    referrals = services().referrals.of(recorded.id)
    comments = services().referrals.comments([one.id for one in referrals]) if referrals else {}
    reader, users, today = person(), services().users.all(), services().now().date()
    shown = tuple(shown_referral(one, comments.get(one.id, ()), reader, today) for one in referrals)
    asked = any(one.second_opinion and _is_to(one, reader) for one in referrals)
    others = [user for user in users if can_decide(user) and user.id != reader.id]
    return ReferralPart(
        shown,
        asked,
        tuple((f"{PERSON}{user.id}", user.name) for user in others),
        tuple((f"{TEAM}{team}", team) for team in teams_of(users)),
        _names(users, referrals, comments),
        today,
    )


def shown_referral(
    referral: Referral, comments: Collection[ReferralComment], reader: User, today: date
) -> ShownReferral:
    """Return a referral with what the reader may do with it; those who only read may do nothing."""
    party = party_of_person(reader)
    steps = REFERRAL_STEPS if can_decide(reader) else ()
    allowed = frozenset(step for step in steps if may(step, referral, party))
    return ShownReferral(referral, tuple(comments), allowed, is_overdue(referral, today))


def open_referrals() -> int:
    """Return how many referrals wait for the visitor, for the navigation.

    Raises:
        StoreError: the database cannot be read.
    """
    user = visitor()
    if user is None or not can_decide(user):
        return 0
    if "open_referrals" not in g:
        g.open_referrals = services().referrals.waiting_for(party_of_person(user))
    return int(g.open_referrals)


def _is_to(referral: Referral, reader: User) -> bool:
    return referral.is_open and may_answer(referral, Party(reader.id, reader.team))


def _names(
    users: Collection[User],
    referrals: Collection[Referral],
    comments: Mapping[str, Collection[ReferralComment]],
) -> dict[str, str]:
    programs = {one.sent_by for one in referrals}
    programs |= {comment.written_by for every in comments.values() for comment in every}
    return {**{user.id: user.name for user in users}, **services().token_book.names(programs)}
