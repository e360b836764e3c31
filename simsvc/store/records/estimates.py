"""Estimates on record: written in one short transaction, read by their public id."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session, selectinload

from simsvc.domain.audit.content import record_content
from simsvc.errors import CaseNotFound, EstimateErased, EstimateNotFound
from simsvc.ports import Cipher
from simsvc.store.audit_append import chain, chain_all
from simsvc.store.database import Database, InTransaction
from simsvc.store.messages import restored
from simsvc.store.records.new_estimate import NewRows
from simsvc.store.tables import CropRow, ErasedEstimateRow, EstimateRow
from simsvc.values import (
    LATER_FACTS,
    AgePriorUse,
    AppliedCalibration,
    Declaration,
    Estimate,
    Evidence,
    Neighbour,
    Quality,
    RecordedEstimate,
    Status,
)
from simsvc.values.events import EventKind, NewEvent, actor_of


class EstimateStore:
    """Recorder port, and the way back."""

    def __init__(self, database: Database, cipher: Cipher | None = None) -> None:
        """Keep estimates in the database, and photos encrypted by the cipher: none of them without one."""
        self._database = database
        self._cipher = cipher

    def record(self, estimate: Estimate, in_transaction: InTransaction | None = None) -> RecordedEstimate:
        """Store the estimate and log it in one transaction, and return it as recorded.

        `in_transaction` is called in the same transaction with the public id of the record.
        """
        new = NewRows.of(estimate, self._cipher)
        with self._database.write_connection() as connection:
            number = _add(connection, new, in_transaction)
        return RecordedEstimate(new.public_id, number, new.created_at, estimate)

    @contextmanager
    def together(self) -> Iterator[BulkRecorder]:
        """Give a recorder whose estimates go on record when the block ends: all of them, or none.

        On PostgreSQL others append to the log until then; SQLite has one writer.
        """
        with self._database.write_connection() as connection:
            recorder = BulkRecorder(connection, self._cipher)
            yield recorder
            recorder.log()

    def have(self, records: Collection[str]) -> bool:
        """Say whether all of these public ids are or were on record."""
        with self._database.reading() as session:
            kept = select(EstimateRow.public_id).where(EstimateRow.public_id.in_(list(records)))
            gone = select(ErasedEstimateRow.public_id).where(ErasedEstimateRow.public_id.in_(list(records)))
            return {*session.scalars(kept), *session.scalars(gone)} == set(records)

    def find(self, public_id: str) -> RecordedEstimate:
        """Return an estimate without its crop; raises EstimateNotFound, or EstimateErased if one was."""
        query = select(EstimateRow).where(EstimateRow.public_id == public_id)
        with self._database.reading() as session:
            row = session.scalar(query.options(selectinload(EstimateRow.neighbours)))
            if row is None:
                erased = session.get(ErasedEstimateRow, public_id)
                raise EstimateErased() if erased else EstimateNotFound("unknown")
            return recorded_of(row)

    def numbers(self, public_ids: Collection[str]) -> dict[str, int]:
        """Return the running numbers of these estimates; those that are not on record are left out."""
        query = select(EstimateRow.public_id, EstimateRow.sequence)
        with self._database.reading() as session:
            found = session.execute(query.where(EstimateRow.public_id.in_(list(public_ids))))
            return {row.public_id: row.sequence for row in found}

    def numbered(self, number: int) -> str | None:
        """Return the public id of the estimate of a running number, or None."""
        with self._database.reading() as session:
            return session.scalar(select(EstimateRow.public_id).where(EstimateRow.sequence == number))

    def of_case(self, reference: str) -> tuple[RecordedEstimate, ...]:
        """Return a case's estimates, oldest first, without crops; raises CaseNotFound if there are none."""
        query = select(EstimateRow).where(EstimateRow.case_reference == reference)
        with self._database.reading() as session:
            rows = session.scalars(
                query.order_by(EstimateRow.sequence).options(selectinload(EstimateRow.neighbours))
            )
            found = tuple(recorded_of(row) for row in rows)
        if not found:
            raise CaseNotFound()
        return found

    def first_of_case(self, reference: str) -> int:
        """Return the running number of a case's oldest estimate; raises CaseNotFound if there is none."""
        numbers = select(EstimateRow.sequence).where(EstimateRow.case_reference == reference)
        with self._database.reading() as session:
            first = session.scalar(numbers.order_by(EstimateRow.sequence).limit(1))
        if first is None:
            raise CaseNotFound()
        return first

    def crop_png(self, public_id: str) -> bytes:
        """Return the judged crop as PNG; raises EstimateNotFound if there is none."""
        query = select(CropRow.png).join(EstimateRow, EstimateRow.sequence == CropRow.estimate)
        with self._database.reading() as session:
            png = session.scalar(query.where(EstimateRow.public_id == public_id))
        if png is None:
            raise EstimateNotFound("unknown")
        return png


class BulkRecorder:
    """Recorder port for one transaction, which its owner commits."""

    def __init__(self, connection: Connection, cipher: Cipher | None) -> None:
        self._connection, self._cipher = connection, cipher
        self._events: list[NewEvent] = []

    def record(self, estimate: Estimate) -> RecordedEstimate:
        """Add the estimate to the transaction and return it as recorded."""
        new = NewRows.of(estimate, self._cipher)
        number = new.insert(self._connection)
        self._events.append(_event(new, number))
        return RecordedEstimate(new.public_id, number, new.created_at, estimate)

    def log(self) -> None:
        """Log the estimates, in the order in which they were added; call it last in the transaction."""
        if self._events:
            chain_all(self._connection, self._events)


def recorded_of(row: EstimateRow, *, evidence: bool = True) -> RecordedEstimate:
    """Return a row as it was recorded, without its crop, and without neighbours where they are not wanted."""
    return RecordedEstimate(row.public_id, row.sequence, row.created_at, _estimate(row, evidence=evidence))


def _add(connection: Connection, new: NewRows, in_transaction: InTransaction | None = None) -> int:
    """Put an estimate's rows and its event into a transaction; return the record's running number."""
    number, further = new.insert(connection), None
    if in_transaction is not None:
        with Session(connection) as session:  # within the same transaction, which its owner ends
            further = in_transaction(session, new.public_id)
            session.flush()
    chain(connection, _event(new, number))
    if further is not None:
        chain(connection, further)
    return number


def _event(new: NewRows, number: int) -> NewEvent:
    content = record_content(number, new.created_at, new.crop_sha256, new.facts)
    actor, subject = actor_of(new.values["asked_by"]), f"estimate:{new.public_id}"
    return NewEvent(EventKind.ESTIMATE, actor, subject, content)


def _estimate(row: EstimateRow, *, evidence: bool) -> Estimate:
    messages = row.messages if isinstance(row.messages, dict) else {}
    return Estimate(
        photo_name=row.photo_name,
        photo_sha256=row.photo_sha256,
        status=cast("Status", row.status),
        code=row.code,
        sentence=restored(row.sentence, messages.get("sentence")),
        age_years=row.age_years,
        interval_years=_interval(row),
        coverage=row.coverage,
        evidence=_evidence(row),
        support=row.support,
        refer_reason=restored(row.refer_reason, messages.get("refer_reason")),
        quality=Quality(**row.quality) if row.quality else None,
        neighbours=tuple(_neighbours(row)) if evidence else (),
        flags=tuple(row.flags),
        model=row.model_version,
        model_sha256=row.model_sha256,
        index=row.index_label,
        face_changes=row.face_changes or 0,
        bundle_sha256=row.bundle_sha256,
        **_made_with(row.made_with or {}),
        ms=dict(row.ms),
        asked_by=row.asked_by,
        declared=Declaration(row.case_reference, row.birth_date, row.photo_date),
    )


def _made_with(held: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: held[name] for name in LATER_FACTS if name in held}
    for name, kind in (("age_prior", AgePriorUse), ("calibration", AppliedCalibration)):
        if name in found:
            found[name] = kind(**found[name])
    return found


def _neighbours(row: EstimateRow) -> Iterator[Neighbour]:
    return (
        Neighbour(near.face_id, near.age_years, near.distance, estimated_age_years=near.estimated_age_years)
        for near in row.neighbours
    )


def _interval(row: EstimateRow) -> tuple[float, float] | None:
    low, high = row.interval_low_years, row.interval_high_years
    return None if low is None or high is None else (low, high)


def _evidence(row: EstimateRow) -> Evidence | None:
    age_years, close, count = row.neighbours_age_years, row.neighbours_close, row.neighbours_count
    return None if age_years is None or close is None or count is None else Evidence(age_years, close, count)
