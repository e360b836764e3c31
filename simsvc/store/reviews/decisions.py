"""Decisions on record: added, never changed."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import cast

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from simsvc.domain.audit.content import decision_content
from simsvc.errors import DecisionSuperseded, EstimateNotFound, StoreError
from simsvc.store.audit_append import append
from simsvc.store.database import Database, InTransaction, Store
from simsvc.store.reviews.referrals import ReferralStore
from simsvc.store.tables import DecisionRow, EstimateRow
from simsvc.values import Decision, DecisionDraft, DecisionKind
from simsvc.values.events import EventKind, NewEvent, actor_of
from simsvc.values.referrals import Party, Referral, ReferralDraft

_ALL = DecisionRow.__table__
"""Those included that a reader may not see before a second opinion."""


class DecisionStore(Store):
    """Adds decisions and reads them back."""

    def __init__(self, database: Database, referrals: ReferralStore | None = None) -> None:
        super().__init__(database)
        self._referrals = referrals or ReferralStore(database)

    def add(
        self,
        public_id: str,
        draft: DecisionDraft,
        decided_by: str,
        after: int,
        now: datetime,
        in_transaction: InTransaction | None = None,
    ) -> Decision:
        """Put a decision by an account, or by "token:<id>", on an estimate on record, and log it.

        It answers the open referral of the record, where that was sent to this person or her team.
        `after` is the number of the latest decision that the person saw, 0 for none; `in_transaction` is
        called in the same transaction with "<estimate>/<number>".

        Raises EstimateNotFound if no estimate has that id, DecisionSuperseded if there is a later decision
        than the one that was seen.
        """
        try:
            with self._database.transaction() as session:
                estimate = session.scalar(
                    select(EstimateRow.sequence).where(EstimateRow.public_id == public_id)
                )
                if estimate is None:
                    raise EstimateNotFound("unknown")
                of_it = select(func.max(DecisionRow.number)).where(DecisionRow.estimate == estimate)
                if (session.scalar(of_it) or 0) != after:
                    raise DecisionSuperseded()
                last = select(func.max(_ALL.c.number)).where(_ALL.c.estimate == estimate)
                said = {**asdict(draft), "decided_by": decided_by, "created_at": now}
                row = DecisionRow(estimate=estimate, number=(session.scalar(last) or 0) + 1, **said)
                session.add(row)
                session.flush()
                self._referrals.answer_by(session, estimate, decided_by, now)
                of_record = update(EstimateRow).where(EstimateRow.sequence == estimate)
                session.execute(of_record.values(decision=draft.kind, decided_at=now))
                if in_transaction is not None:
                    in_transaction(session, f"{public_id}/{row.number}")
                append(session, _event(public_id, row))
        except StoreError as error:
            if isinstance(error.__cause__, IntegrityError):
                raise DecisionSuperseded() from None
            raise
        return decision_of(row)

    def refer(
        self,
        public_id: str,
        draft: DecisionDraft,
        to: ReferralDraft,
        by: str,
        after: int,
        now: datetime,
    ) -> Referral:
        """Put a decision on record and send the record, both or neither.

        Raises what `add` raises, and ReferralExists or ReferralRefused; see `ReferralStore.put`.
        """
        sent: list[Referral] = []

        def send(session: Session, _: str) -> None:
            sent.append(self._referrals.put(session, public_id, to, by, now))

        self.add(public_id, draft, by, after, now, send)
        return sent[0]

    def answer(
        self, referral: Referral, draft: DecisionDraft, party: Party, after: int, now: datetime
    ) -> Decision:
        """Put a decision on record that answers a referral, both or neither.

        Raises what `add` raises, and ReferralChanged if the referral was closed meanwhile.
        """

        def close(session: Session, _: str) -> None:
            self._referrals.close_answered(session, referral.id, party, now)

        return self.add(referral.estimate_id, draft, party.actor, after, now, close)

    def of(self, public_id: str) -> tuple[Decision, ...]:
        """Return the decisions on an estimate, the one that counts first."""
        query = select(DecisionRow).join(EstimateRow, EstimateRow.sequence == DecisionRow.estimate)
        with self._database.reading() as session:
            rows = session.scalars(
                query.where(EstimateRow.public_id == public_id).order_by(DecisionRow.number.desc())
            )
            return tuple(decision_of(row) for row in rows)


def decision_of(row: DecisionRow) -> Decision:
    """Return a row as it was decided."""
    draft = DecisionDraft(cast("DecisionKind", row.kind), row.age_years, row.reason, row.note)
    return Decision(row.number, draft, row.decided_by, row.created_at)


def _event(public_id: str, row: DecisionRow) -> NewEvent:
    content = decision_content(decision_of(row))
    return NewEvent(EventKind.DECISION, actor_of(row.decided_by), f"estimate:{public_id}", content)
