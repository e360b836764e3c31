"""Batches of photos in the database, which alone decides what is done."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, func, select, update
from sqlalchemy.orm import Session

from simsvc.domain.accounts.quota import NO_QUOTA, Quota
from simsvc.errors import AlreadyJudged, BatchNotFound, SimsvcError, to_json
from simsvc.messages import Message
from simsvc.store.audit.state import results_of
from simsvc.store.audit_append import append
from simsvc.store.database import Database
from simsvc.store.messages import restored
from simsvc.store.records.estimates import EstimateStore
from simsvc.store.tables import BatchPhotoRow, BatchRow
from simsvc.values import (
    Batch,
    BatchNotes,
    BatchPhoto,
    Estimate,
    LeftOut,
    NewPhoto,
    PhotoStatus,
    RecordedEstimate,
    Waiting,
)
from simsvc.values.erasure import ERASED
from simsvc.values.events import PROGRAM, EventKind, NewEvent, actor_of

NAME_CHARACTERS = 255
NO_NOTES = BatchNotes()


class BatchStore:
    """Keeps batches and what became of their photos, with a quota for one account's waiting photos."""

    def __init__(self, database: Database, estimates: EstimateStore, quota: Quota = NO_QUOTA) -> None:
        self._database = database
        self._quota = quota
        self._estimates = estimates

    def add(
        self,
        batch_id: str,
        name: str,
        photos: Sequence[NewPhoto],
        asked_by: str,
        now: datetime,
        notes: BatchNotes = NO_NOTES,
    ) -> None:
        """Put a batch on record, its photos waiting unless they are refused already.

        Raises BatchQuota if more of the account's photos would wait than may, those of its other uploads
        included.
        """
        row = BatchRow(public_id=batch_id, name=name[:NAME_CHARACTERS], created_at=now, asked_by=asked_by)
        row.notes = None if notes == NO_NOTES else json.dumps(asdict(notes), ensure_ascii=False)
        with self._database.transaction() as session:
            session.add(row)
            session.flush()
            session.add_all(
                _photo_row(row.sequence, position, photo) for position, photo in enumerate(photos)
            )
            refused = sum(photo.refusal is not None for photo in photos)
            append(session, _event(batch_id, actor_of(asked_by), photos=len(photos), refused=refused))
            if ended := ended_event(session, batch_id):
                append(session, ended)
            self._quota.check(_waiting_of(session, asked_by), Waiting(0, 0))  # the log's writers take turns

    def waiting_of(self, asked_by: str) -> Waiting:
        """Return what waits of an account's photos."""
        with self._database.reading() as session:
            return _waiting_of(session, asked_by)

    def find(self, batch_id: str) -> Batch:
        """Return the batch of that public id; raises BatchNotFound if there is none."""
        found = self._batches(BatchRow.public_id == batch_id)
        if not found:
            raise BatchNotFound()
        return found[0]

    def page(self, start: int, count: int) -> tuple[Batch, ...]:
        """Return up to `count` batches, the newest first, without the first `start`."""
        newest = select(BatchRow.sequence).order_by(BatchRow.sequence.desc()).offset(start).limit(count)
        return self._batches(BatchRow.sequence.in_(newest))

    def photos(self, batch_id: str, start: int = 0, count: int | None = None) -> tuple[BatchPhoto, ...]:
        """Return the photos of a batch in order, or `count` of them from `start` on."""
        query = (
            select(BatchPhotoRow)
            .join(BatchRow, BatchRow.sequence == BatchPhotoRow.batch)
            .where(BatchRow.public_id == batch_id, BatchPhotoRow.position >= start)
            .order_by(BatchPhotoRow.position)
            .limit(count)
        )
        with self._database.reading() as session:
            return tuple(photo_of(row) for row in session.scalars(query))

    def unfinished(self) -> tuple[str, ...]:
        """Return the public ids of the batches that have photos waiting, the oldest first."""
        waiting = select(BatchPhotoRow.batch).where(BatchPhotoRow.status == "waiting")
        query = select(BatchRow.public_id).where(BatchRow.sequence.in_(waiting)).order_by(BatchRow.sequence)
        with self._database.reading() as session:
            return tuple(session.scalars(query))

    def waiting(self) -> int:
        """Count the photos of all batches that wait to be judged."""
        query = select(func.count()).select_from(BatchPhotoRow).where(BatchPhotoRow.status == "waiting")
        with self._database.reading() as session:
            return session.scalar(query) or 0

    def begin_next(self, batch_id: str) -> BatchPhoto | None:
        """Count one attempt at the next waiting photo and return it, or None where none waits.

        The photo with the fewest attempts comes first, so that one that fails does not hold up the others.
        """
        query = (
            select(BatchPhotoRow)
            .join(BatchRow, BatchRow.sequence == BatchPhotoRow.batch)
            .where(BatchRow.public_id == batch_id, BatchPhotoRow.status == "waiting")
            .order_by(BatchPhotoRow.attempts, BatchPhotoRow.position)
            .limit(1)
            .with_for_update(of=BatchPhotoRow)
        )
        with self._database.transaction() as session:
            row = session.scalar(query)
            if row is None:
                return None
            row.attempts += 1
            return photo_of(row)

    def take_back(self, batch_id: str, position: int, problem: SimsvcError) -> None:
        """Note why nothing can be judged just now; the attempt does not count against the photo."""
        with self._database.transaction() as session:
            _change(session, batch_id, position, attempts=BatchPhotoRow.attempts - 1)
            noted = {"problem": str(problem), "problem_message": to_json(problem.message)}
            session.execute(update(BatchRow).where(BatchRow.public_id == batch_id).values(noted))

    def give_up(self, batch_id: str, position: int, refusal: SimsvcError) -> None:
        """Put a photo on record as failed."""
        with self._database.transaction() as session:
            _change(session, batch_id, position, status="failed", **_told(refusal.code, refusal.message))
            held = select(BatchRow.sequence).where(BatchRow.public_id == batch_id).with_for_update()
            session.execute(held)
            ended = ended_event(session, batch_id)
            append(session, _event(batch_id, PROGRAM, position=position, given_up=refusal.code))
            if ended:
                append(session, ended)

    def recorder(self, batch_id: str, position: int) -> PhotoRecorder:
        """Return a Recorder that puts the estimate and the photo's end on record together."""
        return PhotoRecorder(self._estimates, batch_id, position)

    def _batches(self, which: ColumnElement[bool]) -> tuple[Batch, ...]:
        with self._database.reading() as session:
            rows = session.scalars(select(BatchRow).where(which).order_by(BatchRow.sequence.desc())).all()
            counts = _counts(session, [row.sequence for row in rows])
            return tuple(_batch(row, counts.get(row.sequence, {})) for row in rows)


@dataclass(frozen=True, slots=True)
class PhotoRecorder:
    """Recorder port for one photo of a batch."""

    estimates: EstimateStore
    batch_id: str
    position: int

    def record(self, estimate: Estimate) -> RecordedEstimate:
        """Store the estimate and that the photo is done; raises AlreadyJudged if it waits no more."""

        def mark(session: Session, estimate_id: str) -> NewEvent | None:
            _change(
                session,
                self.batch_id,
                self.position,
                status=estimate.status,
                **_told(estimate.code, estimate.sentence if estimate.status == "refused" else None),
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
    batch = select(BatchRow.sequence).where(BatchRow.public_id == batch_id).scalar_subquery()
    waiting = (BatchPhotoRow.batch == batch) & (BatchPhotoRow.status == "waiting")
    if session.scalar(select(BatchPhotoRow.position).where(waiting).limit(1)) is not None:
        return None
    return _event(batch_id, PROGRAM, what="ended", results=results_of(session, batch_id))


def _event(batch_id: str, actor: str, **content: object) -> NewEvent:
    return NewEvent(EventKind.BATCH, actor, f"batch:{batch_id}", content)


def _change(session: Session, batch_id: str, position: int, **values: Any) -> None:
    batch = select(BatchRow.sequence).where(BatchRow.public_id == batch_id).scalar_subquery()
    which = (BatchPhotoRow.batch == batch) & (BatchPhotoRow.position == position)
    waiting = which & (BatchPhotoRow.status == "waiting")
    statement = update(BatchPhotoRow).where(waiting).values(**values)
    changed = session.execute(statement, execution_options={"synchronize_session": False})
    if cast("CursorResult[Any]", changed).rowcount != 1:
        raise AlreadyJudged()


def _waiting_of(session: Session, asked_by: str) -> Waiting:
    query = (
        select(func.count(), func.coalesce(func.sum(BatchPhotoRow.size_bytes), 0))
        .join(BatchRow, BatchRow.sequence == BatchPhotoRow.batch)
        .where(BatchRow.asked_by == asked_by, BatchPhotoRow.status == "waiting")
    )
    photos, size_bytes = session.execute(query).one()
    return Waiting(photos or 0, int(size_bytes or 0))


def _notes(row: BatchRow) -> BatchNotes:
    if row.notes is None:
        return NO_NOTES
    said = json.loads(row.notes)
    return BatchNotes(
        tuple(LeftOut(**left) for left in said["left_out"]),
        said["left_out_count"],
        tuple(said["unread_columns"]),
        tuple(said["guessed"]),
    )


def _counts(session: Session, sequences: Iterable[int]) -> dict[int, dict[str, int]]:
    counts: dict[int, dict[str, int]] = {}
    query = (
        select(BatchPhotoRow.batch, BatchPhotoRow.status, func.count())
        .where(BatchPhotoRow.batch.in_(list(sequences)))
        .group_by(BatchPhotoRow.batch, BatchPhotoRow.status)
    )
    for batch, status, count in session.execute(query):
        counts.setdefault(batch, {})[status] = count
    return counts


def _told(code: str | None, message: Message | None) -> dict[str, Any]:
    if message is None:
        return {"code": code, "sentence": None, "message": None}
    return {"code": code, "sentence": str(message), "message": to_json(message)}


def _photo_row(batch: int, position: int, photo: NewPhoto) -> BatchPhotoRow:
    refusal = photo.refusal
    return BatchPhotoRow(
        batch=batch,
        position=position,
        photo_name=photo.name[-NAME_CHARACTERS:],
        case_reference=photo.case_reference,
        status="refused" if refusal else "waiting",
        attempts=0,
        **(_told(refusal.code, refusal.message) if refusal else {}),
        birth_date=photo.birth_date,
        photo_date=photo.photo_date,
        size_bytes=photo.size_bytes,
    )


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


def _batch(row: BatchRow, counts: dict[str, int]) -> Batch:
    name = "" if row.name == ERASED else row.name
    problem = restored(row.problem, row.problem_message)
    return Batch(
        row.public_id, row.sequence, name, row.created_at, row.asked_by, problem, counts, _notes(row)
    )
