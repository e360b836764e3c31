"""Referrals on record. Of two people who act at once, one wins and the other is told."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from simsvc.domain.desk.referrals import advanced, check_independent
from simsvc.errors import EstimateNotFound, ReferralChanged, ReferralExists, ReferralNotFound
from simsvc.store.audit_append import append
from simsvc.store.database import Database, Store
from simsvc.store.reviews.notifications import Outbox
from simsvc.store.reviews.referral_rows import ReferralCommentRow, ReferralRow
from simsvc.store.tables import DecisionRow, EstimateRow, UserRow
from simsvc.values.events import EventKind, NewEvent, actor_of
from simsvc.values.notifications import NotificationKind
from simsvc.values.referrals import (
    Box,
    Party,
    Referral,
    ReferralAct,
    ReferralComment,
    ReferralDraft,
    ReferralState,
    ReferralStep,
)

PAGE_ROWS = 25
NOBODY_TOLD = Outbox()
_TOLD: dict[ReferralStep, NotificationKind] = {
    "reassign": "referral.sent",
    "answer": "referral.answered",
    "return": "referral.returned",
}
"""Steps that somebody is notified of."""
_OF_ROW = ("sent_by", "assignee", "team", "second_opinion", "due_on", "version", "created_at", "closed_at")


class ReferralStore(Store):
    """Adds referrals, advances them and lists them."""

    def __init__(self, database: Database, outbox: Outbox = NOBODY_TOLD) -> None:
        super().__init__(database)
        self._outbox = outbox

    def add(self, estimate_id: str, draft: ReferralDraft, sent_by: str, now: datetime) -> Referral:
        """Send a record; see `put`."""
        with self._database.transaction() as session:
            return self.put(session, estimate_id, draft, sent_by, now)

    def put(
        self, session: Session, estimate_id: str, draft: ReferralDraft, sent_by: str, now: datetime
    ) -> Referral:
        """Send a record within the caller's transaction, log it, and note who is to be told.

        Raises EstimateNotFound if no estimate has that id, ReferralExists if the record is sent already,
        ReferralRefused if a second opinion is asked of somebody who has decided.
        """
        estimate = session.scalar(select(EstimateRow.sequence).where(EstimateRow.public_id == estimate_id))
        if estimate is None:
            raise EstimateNotFound("unknown")
        check_independent(draft, _deciders(session, estimate))
        row = ReferralRow(
            public_id=uuid.uuid4().hex,
            estimate=estimate,
            sent_by=sent_by,
            assignee=draft.to.person,
            team=draft.to.team,
            second_opinion=draft.second_opinion,
            due_on=draft.due_on,
            state="open",
            version=1,
            created_at=now,
        )
        session.add(row)
        try:
            session.flush()
        except IntegrityError:
            raise ReferralExists() from None
        referral = self._one(session, ReferralRow.sequence == row.sequence)
        _comment(session, row, sent_by, draft.comment, now)
        self._outbox.put(session, "referral.sent", referral, sent_by, now)
        append(session, _event("sent", referral, sent_by, draft.comment))
        return referral

    def find(self, referral_id: str) -> Referral:
        """Return a referral; raises ReferralNotFound."""
        with self._database.reading() as session:
            return self._one(session, ReferralRow.public_id == referral_id)

    def of(self, estimate_id: str) -> tuple[Referral, ...]:
        """Return the referrals of a record, the latest first."""
        query = _rows().where(EstimateRow.public_id == estimate_id).order_by(ReferralRow.sequence.desc())
        with self._database.reading() as session:
            return tuple(_referral(*row) for row in session.execute(query))

    def comments(self, referral_ids: Collection[str]) -> dict[str, list[ReferralComment]]:
        """Return the comments of referrals, by public id, the oldest first."""
        query: Any = select(ReferralRow.public_id, ReferralCommentRow)
        query = query.join(ReferralCommentRow, ReferralCommentRow.referral == ReferralRow.sequence)
        query = query.where(ReferralRow.public_id.in_(list(referral_ids)))
        found: dict[str, list[ReferralComment]] = {}
        with self._database.reading() as session:
            for referral_id, row in session.execute(query.order_by(ReferralCommentRow.sequence)):
                comment = ReferralComment(row.written_by, row.text, row.created_at)
                found.setdefault(referral_id, []).append(comment)
        return found

    def step(self, referral_id: str, act: ReferralAct, now: datetime) -> Referral:
        """Take a step and log it.

        Raises ReferralNotFound, ReferralRefused if the step is not possible, ReferralChanged if somebody else
        was faster.
        """
        with self._database.transaction() as session:
            found = self._one(session, ReferralRow.public_id == referral_id, lock=True)
            if act.version not in {None, found.version} and act.step != "comment":
                raise ReferralChanged()
            return self.advance(session, act, found, now)

    def advance(self, session: Session, act: ReferralAct, referral: Referral, now: datetime) -> Referral:
        """Take a step within the caller's transaction, which holds the referral."""
        later = advanced(act, referral, now)
        row = session.scalars(select(ReferralRow).where(ReferralRow.public_id == referral.id)).one()
        if act.to is not None:
            draft = ReferralDraft(act.to, referral.second_opinion)
            check_independent(draft, _deciders(session, row.estimate))
            row.overdue_noted_at = None
        row.assignee, row.team, row.state = later.assignee, later.team, later.state
        row.version, row.closed_at = later.version, later.closed_at
        session.flush()
        _comment(session, row, act.party.actor, act.comment, now)
        if act.step in _TOLD:
            self._outbox.put(session, _TOLD[act.step], later, act.party.actor, now)
        append(session, _event(act.step, later, act.party.actor, act.comment))
        return later

    def answer_by(self, session: Session, estimate: int, decided_by: str, now: datetime) -> None:
        """Close the open referral of a record as answered, where it is this person's to answer."""
        own = select(UserRow.team).where(UserRow.public_id == decided_by)
        party = Party(decided_by, session.scalar(own))
        hers = ReferralRow.assignee == decided_by
        if party.team:
            hers = or_(hers, and_(ReferralRow.assignee.is_(None), ReferralRow.team == party.team))
        query = _rows().where(ReferralRow.estimate == estimate, ReferralRow.state == "open", hers)
        found = session.execute(query.with_for_update(of=ReferralRow)).one_or_none()
        if found is not None and found[0].sent_by != decided_by:
            self.advance(session, ReferralAct("answer", party), _referral(*found), now)

    def close_answered(self, session: Session, referral_id: str, party: Party, now: datetime) -> None:
        """Close a referral within the transaction of its answer, unless `answer_by` has just done so."""
        found = self._one(session, ReferralRow.public_id == referral_id, lock=True)
        if found.is_open:
            self.advance(session, ReferralAct("answer", party), found, now)
        elif (found.state, found.closed_at) != ("answered", now):
            raise ReferralChanged()

    def box(self, box: Box, party: Party, today: date, page: int = 1) -> tuple[int, list[Referral]]:
        """Return how many referrals a person's list has, and those of a page.

        The open ones come with the most urgent first; those that were answered or returned, latest first.
        """
        which, order = _in_box(box, party, today)
        count = select(func.count(ReferralRow.sequence)).join(
            EstimateRow, EstimateRow.sequence == ReferralRow.estimate
        )
        rows = _rows().where(which).order_by(*order).limit(PAGE_ROWS).offset((page - 1) * PAGE_ROWS)
        with self._database.reading() as session:
            total = session.scalar(count.where(which)) or 0
            return total, [_referral(*row) for row in session.execute(rows)]

    def waiting_for(self, party: Party) -> int:
        """Count the open referrals that a person is to answer: hers, and those in her team's queue."""
        query = select(func.count(ReferralRow.sequence)).where(ReferralRow.state == "open", _to(party))
        with self._database.reading() as session:
            return session.scalar(query) or 0

    def older(
        self, state: str, estimate_id: str, before: int | None, count: int
    ) -> list[tuple[int, Referral]]:
        """Return up to `count` referrals with their numbers, the latest first, below a number."""
        query = _rows().order_by(ReferralRow.sequence.desc()).limit(count)
        conditions = [
            (state, ReferralRow.state == state),
            (estimate_id, EstimateRow.public_id == estimate_id),
            (before, ReferralRow.sequence < (before or 0)),
        ]
        query = query.where(*(condition for asked, condition in conditions if asked))
        with self._database.reading() as session:
            return [(row[0].sequence, _referral(*row)) for row in session.execute(query)]

    def note_overdue(self, now: datetime) -> int:
        """Note for each referral that became overdue who is to be told, once; return how many there were."""
        overdue = and_(
            ReferralRow.state == "open",
            ReferralRow.due_on < now.date(),
            ReferralRow.overdue_noted_at.is_(None),
        )
        with self._database.transaction() as session:
            found = session.execute(_rows().where(overdue).with_for_update(of=ReferralRow)).all()
            for row in found:
                row[0].overdue_noted_at = now
                self._outbox.put(session, "referral.overdue", _referral(*row), "", now)
            return len(found)

    def _one(self, session: Session, which: ColumnElement[bool], *, lock: bool = False) -> Referral:
        query = _rows().where(which)
        row = session.execute(query.with_for_update(of=ReferralRow) if lock else query).one_or_none()
        if row is None:
            raise ReferralNotFound()
        return _referral(*row)


def _rows() -> Select[Any]:
    columns = (EstimateRow.public_id, EstimateRow.sequence, EstimateRow.case_reference)
    query: Any = select(ReferralRow, *columns)
    return cast("Select[Any]", query.join(EstimateRow, EstimateRow.sequence == ReferralRow.estimate))


def _referral(row: ReferralRow, estimate_id: str, number: int, case: str | None) -> Referral:
    state = cast("ReferralState", row.state)
    facts = {name: getattr(row, name) for name in _OF_ROW}
    return Referral(id=row.public_id, estimate_id=estimate_id, number=number, case=case, state=state, **facts)


def _deciders(session: Session, estimate: int) -> set[str]:
    """Return who decided on a record, those included whom a reader may not see yet."""
    decisions = DecisionRow.__table__
    return set(session.scalars(select(decisions.c.decided_by).where(decisions.c.estimate == estimate)))


def _comment(session: Session, row: ReferralRow, written_by: str, text: str, now: datetime) -> None:
    if text:
        said = {"written_by": written_by, "text": text, "created_at": now}
        session.add(ReferralCommentRow(referral=row.sequence, estimate=row.estimate, **said))


def _to(party: Party) -> ColumnElement[bool]:
    hers = ReferralRow.assignee == party.actor
    return or_(hers, _queued(party)) if party.team else hers


def sent_records(actor: str, team: str) -> Select[int]:
    """Select the records of open referrals that wait for a person, or in her team's queue."""
    to_her = _to(Party(actor, team or None))
    return select(ReferralRow.estimate).where(ReferralRow.state == "open", to_her)


def _queued(party: Party) -> ColumnElement[bool]:
    return and_(ReferralRow.assignee.is_(None), ReferralRow.team == party.team)


def _in_box(box: Box, party: Party, today: date) -> tuple[ColumnElement[bool], tuple[Any, ...]]:
    """Return which referrals are in a box, and in which order."""
    sent = ReferralRow.sent_by == party.actor
    if box == "answered":
        closed = ReferralRow.state.in_(("answered", "returned"))
        return and_(sent, closed), (ReferralRow.closed_at.desc(), ReferralRow.sequence.desc())
    parts: dict[Box, ColumnElement[bool]] = {
        "mine": ReferralRow.assignee == party.actor,
        "team": ReferralRow.team == party.team if party.team else false(),
        "sent": sent,
        "overdue": and_(ReferralRow.due_on < today, or_(sent, _to(party))),
    }
    urgent = (ReferralRow.due_on.asc().nulls_last(), ReferralRow.sequence)
    return and_(ReferralRow.state == "open", parts[box]), urgent


def _event(what: str, referral: Referral, by: str, comment: str) -> NewEvent:
    content = {
        "what": what,
        "referral": referral.id,
        "state": referral.state,
        "assignee": referral.assignee,
        "team": referral.team,
        "due_on": referral.due_on.isoformat() if referral.due_on else None,
        "second_opinion": referral.second_opinion,
        "comment": comment,
    }
    return NewEvent(EventKind.REFERRAL, actor_of(by), f"estimate:{referral.estimate_id}", content)
