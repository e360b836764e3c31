"""Batches of photos in the database, which alone decides what is done."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from simsvc.domain.accounts.quota import NO_QUOTA, Quota
from simsvc.errors import BatchNotFound
from simsvc.store.audit_append import append
from simsvc.store.database import Database
from simsvc.store.desk.leases import WAITING, LeaseStore, batch_event, ended_event, photo_of, told
from simsvc.store.messages import restored
from simsvc.store.records.estimates import EstimateStore
from simsvc.store.tables import BatchPhotoRow, BatchRow
from simsvc.values import Batch, BatchNotes, BatchPhoto, LeftOut, NewPhoto, Waiting
from simsvc.values.erasure import ERASED
from simsvc.values.events import actor_of

NAME_CHARACTERS = 255
NO_NOTES = BatchNotes()


class BatchStore(LeaseStore):
    """Keeps batches and what became of their photos, with a quota for one account's waiting photos."""

    def __init__(self, database: Database, estimates: EstimateStore, quota: Quota = NO_QUOTA) -> None:
        super().__init__(database, estimates)
        self._quota = quota

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
            append(session, batch_event(batch_id, actor_of(asked_by), photos=len(photos), refused=refused))
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
        waiting = select(BatchPhotoRow.batch).where(WAITING)
        query = select(BatchRow.public_id).where(BatchRow.sequence.in_(waiting)).order_by(BatchRow.sequence)
        with self._database.reading() as session:
            return tuple(session.scalars(query))

    def waiting(self) -> int:
        """Count the photos of all batches that wait to be judged."""
        query = select(func.count()).select_from(BatchPhotoRow).where(WAITING)
        with self._database.reading() as session:
            return session.scalar(query) or 0

    def _batches(self, which: ColumnElement[bool]) -> tuple[Batch, ...]:
        with self._database.reading() as session:
            rows = session.scalars(select(BatchRow).where(which).order_by(BatchRow.sequence.desc())).all()
            counts = _counts(session, [row.sequence for row in rows])
            return tuple(_batch(row, counts.get(row.sequence, {})) for row in rows)


def _waiting_of(session: Session, asked_by: str) -> Waiting:
    query = (
        select(func.count(), func.coalesce(func.sum(BatchPhotoRow.size_bytes), 0))
        .join(BatchRow, BatchRow.sequence == BatchPhotoRow.batch)
        .where(BatchRow.asked_by == asked_by, WAITING)
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


def _photo_row(batch: int, position: int, photo: NewPhoto) -> BatchPhotoRow:
    refusal = photo.refusal
    return BatchPhotoRow(
        batch=batch,
        position=position,
        photo_name=photo.name[-NAME_CHARACTERS:],
        case_reference=photo.case_reference,
        status="refused" if refusal else "waiting",
        attempts=0,
        **(told(refusal.code, refusal.message) if refusal else {}),
        birth_date=photo.birth_date,
        photo_date=photo.photo_date,
        size_bytes=photo.size_bytes,
    )


def _batch(row: BatchRow, counts: dict[str, int]) -> Batch:
    name = "" if row.name == ERASED else row.name
    problem = restored(row.problem, row.problem_message)
    return Batch(
        row.public_id, row.sequence, name, row.created_at, row.asked_by, problem, counts, _notes(row)
    )
