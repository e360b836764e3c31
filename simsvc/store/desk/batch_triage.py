"""The photos of a batch with their records and decisions, for triage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, exists, func, select

from simsvc.domain.desk.declared import declared_age
from simsvc.domain.desk.triage import TriagedPhoto, TriageState
from simsvc.domain.desk.verdict import verdict_of
from simsvc.errors import BatchNotFound
from simsvc.store.database import Store
from simsvc.store.desk.leases import photo_of
from simsvc.store.records.estimates import recorded_of
from simsvc.store.reviews.decisions import decision_of
from simsvc.store.tables import BatchPhotoRow, BatchRow, DecisionRow, EstimateRow
from simsvc.values import BatchPhoto, Decision, RecordedEstimate, Verdict
from simsvc.values.erasure import ERASED

ROWS_AT_ONCE = 500
"""Rows of one query, well below the number of parameters that SQLite and PostgreSQL accept (32,766)."""
_LATEST = (
    select(func.max(DecisionRow.number))
    .where(DecisionRow.estimate == EstimateRow.sequence)
    .correlate(EstimateRow)
    .scalar_subquery()
)
_IS_DECIDED = exists().where(DecisionRow.estimate == EstimateRow.sequence).correlate(EstimateRow)


@dataclass(frozen=True, slots=True)
class TriageRow:
    """A photo of a batch, its record without neighbours and crop, and the current decision."""

    photo: BatchPhoto
    recorded: RecordedEstimate | None = None
    decision: Decision | None = None

    @property
    def declared_years(self) -> int | None:
        """Declared age in the photo, or None."""
        if self.recorded is None:
            return None
        return declared_age(self.recorded.estimate.declared, self.recorded.created_at.date())

    @property
    def verdict(self) -> Verdict | None:
        """Verdict on the declared age, or None without a record or a declared age."""
        return None if self.recorded is None else verdict_of(self.recorded)


class BatchTriageStore(Store):
    """Reads batches for triage: everything once in few columns, then whole rows of one page."""

    def overview(self, batch_id: str) -> list[TriagedPhoto]:
        """Return what sorting and filtering need to know of every photo, in upload order."""
        columns: Any = select(
            BatchPhotoRow.position,
            BatchPhotoRow.status,
            BatchPhotoRow.code,
            BatchPhotoRow.case_reference,
            EstimateRow.sequence.label("recorded"),
            EstimateRow.age_years,
            EstimateRow.verdict,
            EstimateRow.refer_reason.is_not(None).label("refer"),
            EstimateRow.made_with["doubt"].as_float().label("doubt"),
            _IS_DECIDED.label("is_decided"),
        )
        query = _of_batch(columns, batch_id).order_by(BatchPhotoRow.position)
        with self._database.reading() as session:
            return [_triaged(row) for row in session.execute(query)]

    def rows(self, batch_id: str, positions: Sequence[int]) -> Iterator[TriageRow]:
        """Yield the photos at these positions, in their order; positions without a photo are left out."""
        for start in range(0, len(positions), ROWS_AT_ONCE):
            wanted = positions[start : start + ROWS_AT_ONCE]
            query = _rows(batch_id).where(BatchPhotoRow.position.in_(wanted))
            with self._database.reading() as session:
                found = {row[0].position: _triage_row(*row) for row in session.execute(query)}
            yield from (found[position] for position in wanted if position in found)

    def row(self, batch_id: str, position: int) -> TriageRow:
        """Return the photo at a position; raises BatchNotFound if there is none."""
        for row in self.rows(batch_id, [position]):
            return row
        raise BatchNotFound()


def _rows(batch_id: str) -> Select[Any]:
    every: Any = select(BatchPhotoRow, EstimateRow, DecisionRow)
    current = and_(DecisionRow.estimate == EstimateRow.sequence, DecisionRow.number == _LATEST)
    return _of_batch(every, batch_id).outerjoin(DecisionRow, current)


def _of_batch(query: Select[Any], batch_id: str) -> Select[Any]:
    return (
        query.select_from(BatchPhotoRow)
        .join(BatchRow, BatchRow.sequence == BatchPhotoRow.batch)
        .outerjoin(EstimateRow, EstimateRow.public_id == BatchPhotoRow.estimate_id)
        .where(BatchRow.public_id == batch_id)
    )


def _triage_row(photo: BatchPhotoRow, record: EstimateRow | None, decided: DecisionRow | None) -> TriageRow:
    recorded = recorded_of(record, evidence=False) if record else None
    return TriageRow(photo_of(photo), recorded, decision_of(decided) if decided else None)


def _triaged(row: Any) -> TriagedPhoto:
    if row.code == ERASED:
        return TriagedPhoto(row.position, "erased")
    if row.recorded is None:
        state: TriageState = "waiting" if row.status == "waiting" else "unreliable"
        return TriagedPhoto(row.position, state, case=row.case_reference)
    reliable = row.age_years is not None and not row.refer
    return TriagedPhoto(
        row.position,
        "reliable" if reliable else "unreliable",
        row.verdict,
        row.doubt,
        row.case_reference,
        is_recorded=True,
        is_decided=row.is_decided,
    )
