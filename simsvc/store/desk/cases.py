"""What case pages need of the database beside the records: other uploads, decisions, events, embeddings."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import or_, select

from simsvc.store.audit.snapshot import LogSnapshot
from simsvc.store.database import Store
from simsvc.store.records.embeddings import EmbeddingRow, vector_of
from simsvc.store.reviews.decisions import decision_of
from simsvc.store.tables import DecisionRow, EstimateRow, EventRow
from simsvc.values import Decision, FloatVector
from simsvc.values.cases import PhotoUpload
from simsvc.values.events import EventKind, LoggedEvent


class CaseStore(Store):
    """Reads cases. Every method is one read transaction and raises StoreError."""

    def uploads(self, photos_sha256: Collection[str]) -> tuple[PhotoUpload, ...]:
        """Return every record made of these photos, in any case, oldest first.

        Whoever may not see a record must not learn of it here either: this is the one query to restrict.
        """
        columns = (
            EstimateRow.photo_sha256,
            EstimateRow.public_id,
            EstimateRow.sequence,
            EstimateRow.case_reference,
            EstimateRow.created_at,
        )
        query = select(*columns).where(EstimateRow.photo_sha256.in_(set(photos_sha256)))
        with self._database.reading() as session:
            rows = session.execute(query.order_by(EstimateRow.sequence))
            return tuple(PhotoUpload(*row) for row in rows)

    def decisions(self, records: Collection[str]) -> Mapping[str, tuple[Decision, ...]]:
        """Return the decisions by public ID of the record, the current one first."""
        query: Any = select(EstimateRow.public_id, DecisionRow)  # Select[Any] holds no pair for mypy
        query = query.join(DecisionRow, DecisionRow.estimate == EstimateRow.sequence)
        found: dict[str, tuple[Decision, ...]] = {}
        with self._database.reading() as session:
            rows = session.execute(
                query.where(EstimateRow.public_id.in_(records)).order_by(DecisionRow.number.desc())
            )
            for public_id, row in rows:
                found[public_id] = (*found.get(public_id, ()), decision_of(row))
        return found

    def events(self, records: Collection[str], batches: Collection[str] = ()) -> tuple[LoggedEvent, ...]:
        """Return the events about these records and of these batches' uploads, oldest first."""
        about_records = EventRow.subject.in_([f"estimate:{public_id}" for public_id in records])
        about_batches = EventRow.subject.in_([f"batch:{batch_id}" for batch_id in set(batches)])
        which = or_(about_records, about_batches & (EventRow.kind == str(EventKind.BATCH)))
        with self._database.reading() as session:
            return tuple(LogSnapshot(session).matching(which))

    def embeddings(self, records: Collection[str], model_sha256: str) -> Mapping[str, FloatVector]:
        """Return the embeddings that one model made of these records, by public ID."""
        query = (
            select(EstimateRow.public_id, EmbeddingRow.vector)
            .join(EmbeddingRow, EmbeddingRow.estimate == EstimateRow.sequence)
            .where(EstimateRow.public_id.in_(records), EmbeddingRow.model_sha256 == model_sha256)
        )
        with self._database.reading() as session:
            return {public_id: vector_of(vector) for public_id, vector in session.execute(query)}
