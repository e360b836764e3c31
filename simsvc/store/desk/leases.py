"""Waiting photos of batches, each leased to one worker at a time.

A worker that is killed leaves its lease behind; when that has run out, another worker takes the photo. A
worker that lives but lost its lease can record nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, Row, Select, String, func, literal, or_, select, update
from sqlalchemy.orm import Session

from simsvc.errors import AlreadyJudged, LeaseLost, SimsvcError, to_json
from simsvc.messages import Message
from simsvc.store.audit.state import results_of
from simsvc.store.audit_append import append
from simsvc.store.database import Database, Store
from simsvc.store.messages import restored
from simsvc.store.records.estimates import EstimateStore
from simsvc.store.tables import BatchPhotoRow, BatchRow
from simsvc.values import BatchPhoto, Estimate, Leased, PhotoStatus, RecordedEstimate
from simsvc.values.events import PROGRAM, EventKind, NewEvent

WAITING: ColumnElement[bool] = BatchPhotoRow.status == literal("waiting", String, literal_execute=True)
"""A part of the statement, so that the index of waiting photos is used."""
LONGEST_LEASES = 2
"""A lease that ends later than so many from now was made before the clock was set back, and does not count.
Two, because hosts' clocks differ: if by more than a lease, a photo may be judged twice, and recorded once."""
_FREE: dict[str, Any] = {"leased_by": None, "lease_until": None}


class LeaseStore(Store):
    """Leases waiting photos to workers, and keeps what became of them."""

    def __init__(self, database: Database, estimates: EstimateStore) -> None:
        super().__init__(database)
        self._estimates = estimates

    def begin_next(
        self, worker: str, now: datetime, lease_s: float, *, after: int = 0, without: Collection[int] = ()
    ) -> Leased | None:
        """Lease the next waiting photo to a worker, and count an attempt at it; None if there is none.

        Of a batch, the photo with the fewest attempts comes first, so that one that fails does not hold up
        the others.

        Args:
            worker: holder of the lease, which judges one photo at a time.
            now: UTC.
            lease_s: how long the lease lasts, if it is not renewed.
            after: number of the batch whose turn it was last; that of the next batch comes first.
            without: numbers of batches that are left out.
        """
        lease = timedelta(seconds=lease_s)
        query = _next_photo(now, lease, without)
        with self._database.transaction() as session:
            found = session.execute(query.where(BatchPhotoRow.batch > after)).one_or_none()
            if found is None and after:
                found = session.execute(query).one_or_none()
            return None if found is None else _lease(found, worker, now + lease)

    def renew(self, leased: Leased, now: datetime, lease_s: float) -> bool:
        """Prolong a lease; False if it was lost, or the photo does not wait any more."""
        which = _waiting_photo(leased.batch_id, leased.photo.position, leased.worker)
        with self._database.transaction() as session:
            until = now + timedelta(seconds=lease_s)
            return _updated(session, update(BatchPhotoRow).where(which).values(lease_until=until))

    def release(self, worker: str) -> None:
        """Let other workers take what a worker that ended had leased; the attempt counts."""
        held = update(BatchPhotoRow).where(WAITING, BatchPhotoRow.leased_by == worker)
        with self._database.transaction() as session:
            _updated(session, held.values(_FREE))

    def take_back(self, leased: Leased, problem: SimsvcError) -> None:
        """Note why nothing can be judged just now, and end the lease; the attempt does not count.

        Raises AlreadyJudged or LeaseLost where the worker holds no lease of the photo.
        """
        place, attempts = (leased.batch_id, leased.photo.position), BatchPhotoRow.attempts - 1
        with self._database.transaction() as session:
            _change(session, *place, leased.worker, attempts=attempts)
            noted = {"problem": str(problem), "problem_message": to_json(problem.message)}
            session.execute(update(BatchRow).where(BatchRow.public_id == leased.batch_id).values(noted))

    def give_up(self, batch_id: str, position: int, refusal: SimsvcError, worker: str | None = None) -> None:
        """Put a photo that the worker leased, or nobody, on record as failed.

        Raises AlreadyJudged or LeaseLost where the worker holds no lease of the photo.
        """
        failed = {"status": "failed", **told(refusal.code, refusal.message)}
        with self._database.transaction() as session:
            _change(session, batch_id, position, worker, **failed)
            held = select(BatchRow.sequence).where(BatchRow.public_id == batch_id).with_for_update()
            session.execute(held)
            ended = ended_event(session, batch_id)
            append(session, batch_event(batch_id, PROGRAM, position=position, given_up=refusal.code))
            if ended:
                append(session, ended)

    def recorder(self, batch_id: str, position: int, worker: str | None = None) -> PhotoRecorder:
        """Return a Recorder of estimate and end of a photo that the worker leased, or nobody."""
        return PhotoRecorder(self._estimates, batch_id, position, worker)

    def held(self, now: datetime) -> tuple[int, int]:
        """Count the photos that wait, and those of them that a worker has leased."""
        waiting = select(func.count()).select_from(BatchPhotoRow).where(WAITING)
        leased = waiting.where(BatchPhotoRow.lease_until > now)
        with self._database.reading() as session:
            return session.scalar(waiting) or 0, session.scalar(leased) or 0

    def has_ended(self, batch_id: str) -> bool:
        """Say whether no photo of a batch waits any more."""
        with self._database.reading() as session:
            return not _waits(session, batch_id)


@dataclass(frozen=True, slots=True)
class PhotoRecorder:
    """Recorder port for one photo of a batch."""

    estimates: EstimateStore
    batch_id: str
    position: int
    worker: str | None

    def record(self, estimate: Estimate) -> RecordedEstimate:
        """Store the estimate and that the photo is done.

        Raises AlreadyJudged if it waits no more; LeaseLost if it is leased by another worker.
        """

        def mark(session: Session, estimate_id: str) -> NewEvent | None:
            _change(
                session,
                self.batch_id,
                self.position,
                self.worker,
                status=estimate.status,
                **told(estimate.code, estimate.sentence if estimate.status == "refused" else None),
                estimate_id=estimate_id,
                age_years=estimate.age_years,
            )
            batch = update(BatchRow).where(BatchRow.public_id == self.batch_id)
            session.execute(batch.values(problem=None, problem_message=None))
            return ended_event(session, self.batch_id)

        return self.estimates.record(estimate, in_transaction=mark)


def ended_event(session: Session, batch_id: str) -> NewEvent | None:
    """Return the event of a batch's results if none of its photos waits any more.

    Call it after the last change of the batch's photos, while holding the batch's row: of two who judge its
    last photos at the same time, the second one waited for the first, and finds that none is left.
    """
    session.flush()
    if _waits(session, batch_id):
        return None
    return batch_event(batch_id, PROGRAM, what="ended", results=results_of(session, batch_id))


def batch_event(batch_id: str, actor: str, **content: object) -> NewEvent:
    """Return an event about a batch."""
    return NewEvent(EventKind.BATCH, actor, f"batch:{batch_id}", content)


def told(code: str | None, message: Message | None) -> dict[str, Any]:
    """Return the values of a photo's row that say why there is no estimate."""
    if message is None:
        return {"code": code, "sentence": None, "message": None}
    return {"code": code, "sentence": str(message), "message": to_json(message)}


def photo_of(row: BatchPhotoRow) -> BatchPhoto:
    """Return a row as a photo of a batch."""
    return BatchPhoto(
        position=row.position,
        name=row.photo_name,
        case_reference=row.case_reference,
        status=cast("PhotoStatus", row.status),
        attempts=row.attempts,
        code=row.code,
        sentence=restored(row.sentence, row.message),
        estimate_id=row.estimate_id,
        age_years=row.age_years,
        birth_date=row.birth_date,
        photo_date=row.photo_date,
    )


def _next_photo(now: datetime, lease: timedelta, without: Collection[int]) -> Select[BatchPhotoRow, str, str]:
    """Return the query of the next photo that nobody has leased; SQLite has one writer, and locks no rows."""
    free = or_(
        BatchPhotoRow.leased_by.is_(None),
        BatchPhotoRow.lease_until <= now,
        BatchPhotoRow.lease_until > now + LONGEST_LEASES * lease,
    )
    of_batch = [
        select(column).where(BatchRow.sequence == BatchPhotoRow.batch).scalar_subquery()
        for column in (BatchRow.public_id, BatchRow.asked_by)
    ]  # no join: PostgreSQL would go through all batches that ended
    query = (
        select(BatchPhotoRow, *of_batch)
        .where(WAITING, free)
        .order_by(BatchPhotoRow.batch, BatchPhotoRow.attempts, BatchPhotoRow.position)
        .limit(1)
        .with_for_update(of=BatchPhotoRow, skip_locked=True)
    )
    return query.where(BatchPhotoRow.batch.not_in(sorted(without))) if without else query


def _lease(found: Row[BatchPhotoRow, str, str], worker: str, until: datetime) -> Leased:
    row, batch_id, asked_by = found
    row.attempts += 1
    row.leased_by, row.lease_until = worker, until
    return Leased(batch_id, row.batch, asked_by, worker, photo_of(row))


def _photo(batch_id: str, position: int) -> ColumnElement[bool]:
    batch = select(BatchRow.sequence).where(BatchRow.public_id == batch_id).scalar_subquery()
    return (BatchPhotoRow.batch == batch) & (BatchPhotoRow.position == position)


def _waiting_photo(batch_id: str, position: int, worker: str | None) -> ColumnElement[bool]:
    """Return the condition of a photo that waits and is leased by a worker, or by nobody."""
    return _photo(batch_id, position) & WAITING & (BatchPhotoRow.leased_by == worker)


def _change(session: Session, batch_id: str, position: int, worker: str | None, **values: Any) -> None:
    """Change a photo that a worker has leased, or nobody, and end the lease."""
    which = _waiting_photo(batch_id, position, worker)
    if not _updated(session, update(BatchPhotoRow).where(which).values(**values, **_FREE)):
        waits = session.scalar(select(BatchPhotoRow.position).where(_photo(batch_id, position) & WAITING))
        raise AlreadyJudged() if waits is None else LeaseLost()


def _updated(session: Session, statement: Any) -> bool:
    changed = session.execute(statement, execution_options={"synchronize_session": False})
    return bool(cast("CursorResult[Any]", changed).rowcount)


def _waits(session: Session, batch_id: str) -> bool:
    batch = select(BatchRow.sequence).where(BatchRow.public_id == batch_id).scalar_subquery()
    waiting = select(BatchPhotoRow.position).where(BatchPhotoRow.batch == batch, WAITING)
    return session.scalar(waiting.limit(1)) is not None
