"""Decisions on record: added, never changed."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import cast

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from simsvc.domain.audit.content import decision_content
from simsvc.errors import DecisionSuperseded, EstimateNotFound, StoreError
from simsvc.store.audit_append import append
from simsvc.store.database import InTransaction, Store
from simsvc.store.tables import DecisionRow, EstimateRow
from simsvc.values import Decision, DecisionDraft, DecisionKind
from simsvc.values.events import EventKind, NewEvent, actor_of


class DecisionStore(Store):
    """Adds decisions and reads them back."""

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
                said = {**asdict(draft), "decided_by": decided_by, "created_at": now}
                row = DecisionRow(estimate=estimate, number=after + 1, **said)
                session.add(row)
                session.flush()
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
