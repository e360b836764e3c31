"""Where records come from: their batch, and how many photos their case has."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, select

from simsvc.store.database import Store
from simsvc.store.tables import BatchPhotoRow, BatchRow, EstimateRow


@dataclass(frozen=True, slots=True)
class BatchRef:
    """What a link to a batch needs."""

    id: str
    number: int


class OriginStore(Store):
    """Answers for the records of one page at once."""

    def batches(self, record_ids: Collection[str]) -> dict[str, BatchRef]:
        """Return the batch of each record by its public id; those outside batches are left out."""
        query = (
            select(BatchPhotoRow.estimate_id, BatchRow.public_id, BatchRow.sequence)
            .join(BatchRow, BatchRow.sequence == BatchPhotoRow.batch)
            .where(BatchPhotoRow.estimate_id.in_(list(record_ids)))
        )
        with self._database.reading() as session:
            return {str(record): BatchRef(batch, number) for record, batch, number in session.execute(query)}

    def photos_of_cases(self, references: Collection[str]) -> dict[str, int]:
        """Return how many records each case has."""
        reference = EstimateRow.case_reference
        query = select(reference, func.count()).where(reference.in_(list(references))).group_by(reference)
        with self._database.reading() as session:
            return {str(case): count for case, count in session.execute(query)}
