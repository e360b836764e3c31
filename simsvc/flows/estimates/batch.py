"""Batches: photos uploaded together and estimated one by one, each recorded exactly once.

The database alone says what waits: any number of workers, on any host that has the photos, share the work.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from simsvc.domain.accounts.quota import NO_QUOTA, Quota
from simsvc.domain.desk.batch_csv import CaseRow, declared_of
from simsvc.domain.files.file_names import canonical_path, last_part
from simsvc.errors import (
    AlreadyJudged,
    BatchEmpty,
    BatchTooLarge,
    LeaseLost,
    NotJudged,
    PhotoLost,
    PhotoTooManyBytes,
    SimsvcError,
)
from simsvc.flows.estimates.estimate import EstimatePipeline, estimate
from simsvc.flows.estimates.lease import LEASE_S, renewing
from simsvc.ports import BatchBook, PhotoSpool
from simsvc.values import BatchNotes, Declaration, Leased, NewPhoto, Waiting

MOST_PHOTOS = 5_000
"""Photos of one batch: as many as may wait of one account by default (`SIMSVC_MAX_WAITING_PHOTOS`)."""
MOST_ATTEMPTS = 3
"""Attempts per photo: after that, the photo is assumed to crash the process."""

_log = logging.getLogger(__name__)

Incoming = Iterable[tuple[str, bytes | None]]
"""Names and bytes of photos; None for the bytes of an oversized photo."""
Table = Iterable[CaseRow] | Mapping[str, str]
"""Rows of a table, or cases by photo name."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What became of a worker's turn: the number of a batch, and whether it can go on at once."""

    number: int
    goes_on: bool


@dataclass(frozen=True, slots=True)
class Batches:
    """Operations on batches of at most so many unpacked bytes; an account has a quota."""

    book: BatchBook
    room: PhotoSpool
    now: Callable[[], datetime]
    most_bytes: int = 1_000_000_000
    quota: Quota = NO_QUOTA

    def take_in(
        self,
        incoming: Incoming,
        name: str,
        asked_by: str,
        read_cases: Callable[[], Table],
        read_notes: Callable[[], BatchNotes] = BatchNotes,
    ) -> str:
        """Store the photos, record the batch, and return its public ID.

        Photos are read one by one; if reading raises, nothing is left behind. The table and then the notes
        are read after the photos.

        Raises BatchEmpty if there is no photo, BatchTooLarge if there are too many photos or bytes,
        BatchQuota if the account would have too many waiting photos, CasesUnreadable if the table does not
        fit the photos, BatchUnwritable if the photos cannot be stored, StoreError if the batch cannot be
        recorded.
        """
        batch_id = uuid.uuid4().hex
        with self.room.filling(batch_id):
            photos = self._kept(batch_id, incoming, self.book.waiting_of(asked_by))
            photos = _declaring(photos, read_cases())
            notes = read_notes()
            if not photos:
                raise _empty(notes)
            self.book.add(batch_id, name, _named(photos), asked_by, self.now(), notes)
        return batch_id

    def judge_next(
        self,
        worker: str,
        pipeline: EstimatePipeline | Callable[[], EstimatePipeline],
        *,
        after: int = 0,
        without: Collection[int] = (),
    ) -> Turn | None:
        """Judge the next waiting photo of any batch; None if there is none that no other worker has leased.

        A photo without a usable face is refused. If model, index or database are not available, the photo
        keeps waiting. A photo that crashes the process is retried up to `MOST_ATTEMPTS` times.

        Args:
            worker: identifies this process among all workers; judges one photo at a time.
            pipeline: estimates the photo, or makes what does.
            after: number of the batch that had the last turn; the next batch comes first.
            without: numbers of batches that are left out.

        Raises StoreError if the database cannot be used.
        """
        leased = self.book.begin_next(worker, self.now(), LEASE_S, after=after, without=without)
        if leased is None:
            return None
        try:
            with renewing(self.book, leased, self.now):
                self._judged(leased, pipeline() if callable(pipeline) else pipeline)
        except (AlreadyJudged, LeaseLost) as error:
            _log.info("photo %s of batch %s: %s", leased.photo.position, leased.batch_id, error)
        except SimsvcError as error:
            _log.error("batch %s waits: %s", leased.batch_id, error.sentence)
            with suppress(AlreadyJudged, LeaseLost):
                self.book.take_back(leased, error)
            return Turn(leased.number, goes_on=False)
        return Turn(leased.number, goes_on=True)

    def _judged(self, leased: Leased, pipeline: EstimatePipeline) -> None:
        batch_id, photo = leased.batch_id, leased.photo
        data = self.room.get(batch_id, photo.position)
        if data is None:
            self._give_up(leased, PhotoLost())
        elif photo.attempts > MOST_ATTEMPTS:
            self._give_up(leased, NotJudged())
        else:
            recorder = self.book.recorder(batch_id, photo.position, leased.worker)
            self._estimate(leased, data, replace(pipeline, recorder=recorder))
        self.room.drop(batch_id, photo.position)
        if self.book.has_ended(batch_id):
            self.room.clear(batch_id)  # a worker that was killed may have left a photo that it had recorded

    def _estimate(self, leased: Leased, data: bytes, pipeline: EstimatePipeline) -> None:
        photo = leased.photo
        try:
            declared = Declaration(photo.case_reference, photo.birth_date, photo.photo_date)
            estimate(data, photo.name, pipeline, leased.asked_by, declared)
        except SimsvcError:
            raise
        except Exception:  # a bug: the other photos must not wait for a fix
            _log.exception("photo %s of batch %s failed", photo.position, leased.batch_id)
            self._give_up(leased, NotJudged())

    def _give_up(self, leased: Leased, refusal: SimsvcError) -> None:
        self.book.give_up(leased.batch_id, leased.photo.position, refusal, leased.worker)

    def _kept(self, batch_id: str, incoming: Incoming, before: Waiting) -> list[NewPhoto]:
        photos: list[NewPhoto] = []
        kept_photos = kept_bytes = 0
        for name, data in incoming:
            if len(photos) == MOST_PHOTOS:
                raise BatchTooLarge("photos", most=MOST_PHOTOS)
            size_bytes = len(data) if data is not None else 0
            kept_photos, kept_bytes = kept_photos + (data is not None), kept_bytes + size_bytes
            if kept_bytes > self.most_bytes:
                raise BatchTooLarge("bytes")
            self.quota.check(before, Waiting(kept_photos, kept_bytes))
            if data is not None:
                self.room.put(batch_id, len(photos), data)
            refusal = None if data is not None else PhotoTooManyBytes("in_batch")
            photos.append(NewPhoto(name, refusal=refusal, size_bytes=size_bytes))
        return photos


def _declaring(photos: Sequence[NewPhoto], table: Table) -> list[NewPhoto]:
    rows = _rows(table.items()) if isinstance(table, Mapping) else table
    declared = declared_of(rows, [canonical_path(photo.name) for photo in photos])
    return [
        replace(photo, case_reference=found.case, birth_date=found.birth_date, photo_date=found.photo_date)
        if (found := declared.get(place))
        else photo
        for place, photo in enumerate(photos)
    ]


def _rows(cases: Iterable[tuple[str, str]]) -> list[CaseRow]:
    return [
        CaseRow(line, canonical_path(name), Declaration(case)) for line, (name, case) in enumerate(cases, 1)
    ]


def _named(photos: Sequence[NewPhoto]) -> list[NewPhoto]:
    """Return the photos named by the last part of their paths, or the full path if ambiguous."""
    lasts = [last_part(photo.name) for photo in photos]
    if len(set(lasts)) < len(lasts):
        return list(photos)
    return [replace(photo, name=last) for photo, last in zip(photos, lasts, strict=True)]


def _empty(notes: BatchNotes) -> BatchEmpty:
    if not notes.left_out_count:
        return BatchEmpty("nothing")
    names = ", ".join(f"“{left.name}”" for left in notes.left_out[:3])
    return BatchEmpty("no_photo", names=names)
