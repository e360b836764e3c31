"""Batches: photos uploaded together and estimated one by one, each recorded exactly once."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from simsvc.domain.accounts.quota import NO_QUOTA, Quota
from simsvc.domain.desk.batch_csv import CaseRow, declared_of
from simsvc.domain.files.file_names import canonical_path, last_part
from simsvc.errors import (
    AlreadyJudged,
    BatchEmpty,
    BatchTooLarge,
    NotJudged,
    PhotoLost,
    PhotoTooManyBytes,
    SimsvcError,
)
from simsvc.flows.estimates.estimate import EstimatePipeline, estimate
from simsvc.ports import BatchBook, PhotoSpool
from simsvc.values import BatchNotes, BatchPhoto, Declaration, NewPhoto, Waiting

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
class Batches:
    """Operations on batches: `put` queues one, of at most so many unpacked bytes; an account has a quota."""

    book: BatchBook
    room: PhotoSpool
    put: Callable[[str], None]
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
        """Store the photos, record and queue the batch, and return its public ID.

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
        self._ask(batch_id)
        return batch_id

    def judge_next(self, batch_id: str, pipeline: EstimatePipeline | Callable[[], EstimatePipeline]) -> bool:
        """Judge the next photo of a batch and say whether to go on with the batch at once.

        A photo without a usable face is refused. If model, index or database are not available, the photo
        keeps waiting. A photo that crashes the process is retried up to `MOST_ATTEMPTS` times.
        """
        photo = self.book.begin_next(batch_id)
        if photo is None:
            self.room.clear(batch_id)
            return False
        try:
            return self._judged(batch_id, photo, pipeline() if callable(pipeline) else pipeline)
        except AlreadyJudged:
            return True
        except SimsvcError as error:
            _log.error("batch %s waits: %s", batch_id, error.sentence)
            self.book.take_back(batch_id, photo.position, error)
            return False

    def _judged(self, batch_id: str, photo: BatchPhoto, pipeline: EstimatePipeline) -> bool:
        data = self.room.get(batch_id, photo.position)
        if data is None:
            self.book.give_up(batch_id, photo.position, PhotoLost())
        elif photo.attempts > MOST_ATTEMPTS:
            self.book.give_up(batch_id, photo.position, NotJudged())
        else:
            asked_by = self.book.find(batch_id).asked_by
            recorder = self.book.recorder(batch_id, photo.position)
            self._estimate(batch_id, photo, data, replace(pipeline, recorder=recorder), asked_by)
        self.room.drop(batch_id, photo.position)
        return True

    def _estimate(
        self, batch_id: str, photo: BatchPhoto, data: bytes, pipeline: EstimatePipeline, asked_by: str
    ) -> None:
        try:
            declared = Declaration(photo.case_reference, photo.birth_date, photo.photo_date)
            estimate(data, photo.name, pipeline, asked_by, declared)
        except SimsvcError:
            raise
        except Exception:  # a bug: the other photos must not wait for a fix
            _log.exception("photo %s of batch %s failed", photo.position, batch_id)
            self.book.give_up(batch_id, photo.position, NotJudged())

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

    def _ask(self, batch_id: str) -> None:
        """Queue work; a failing queue only delays the recorded batch."""
        try:
            self.put(batch_id)
        except Exception:  # see above
            _log.exception("batch %s waits until the worker looks for it", batch_id)


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
