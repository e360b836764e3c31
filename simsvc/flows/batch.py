"""Batches: photos taken in together, judged one after another, each of them exactly once on record."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from simsvc.domain.accounts.quota import NO_QUOTA, Quota
from simsvc.domain.desk.batch_csv import CaseRow, declared_of
from simsvc.domain.files.file_names import canonical_path, last_part
from simsvc.errors import AlreadyJudged, BatchEmpty, BatchTooLarge, PhotoTooManyBytes, SimsvcError
from simsvc.flows.estimate import EstimatePipeline, estimate
from simsvc.ports import Recorder
from simsvc.values import Batch, BatchNotes, BatchPhoto, Declaration, NewPhoto, Refusal, Waiting

MOST_PHOTOS = 1_000
"""Photos of one batch. Ours: two cores judge them in minutes, and people can still read the results."""
MOST_ATTEMPTS = 3
"""A machine may go down twice with the same photo; a third time it is the photo. Ours."""

_log = logging.getLogger(__name__)

Incoming = Iterable[tuple[str, bytes | None]]
"""Names and bytes of photos; None for the bytes of one that has too many."""
Table = Iterable[CaseRow] | Mapping[str, str]
"""Rows of a table that came with photos, or cases by the photos' names."""


class Room(Protocol):
    """Keeps the photos of a batch until they are judged."""

    def filling(self, batch_id: str) -> AbstractContextManager[None]:
        """Hold a new batch's place while its photos come in; an upload that fails leaves nothing."""
        ...

    def put(self, batch_id: str, position: int, data: bytes) -> None:
        """Keep a photo; raises BatchUnwritable."""
        ...

    def get(self, batch_id: str, position: int) -> bytes | None:
        """Return a photo, or None where it is gone."""
        ...

    def drop(self, batch_id: str, position: int) -> None:
        """Delete a photo."""
        ...

    def clear(self, batch_id: str) -> None:
        """Delete all photos of a batch."""
        ...


class Book(Protocol):
    """Keeps batches. Every method is one transaction and raises StoreError where the database fails."""

    def add(
        self,
        batch_id: str,
        name: str,
        photos: Sequence[NewPhoto],
        asked_by: str,
        now: datetime,
        notes: BatchNotes,
    ) -> None:
        """Put a batch on record; raises BatchQuota."""
        ...

    def waiting_of(self, asked_by: str) -> Waiting:
        """Return what waits of an account's photos."""
        ...

    def find(self, batch_id: str) -> Batch:
        """Return a batch; raises BatchNotFound."""
        ...

    def begin_next(self, batch_id: str) -> BatchPhoto | None:
        """Count one attempt at the next waiting photo and return it."""
        ...

    def take_back(self, batch_id: str, position: int, problem: str) -> None:
        """Note why nothing can be judged just now, and uncount the attempt."""
        ...

    def give_up(self, batch_id: str, position: int, refusal: Refusal) -> None:
        """Put a photo on record as failed."""
        ...

    def recorder(self, batch_id: str, position: int) -> Recorder:
        """Return what puts estimate and photo on record together."""
        ...


@dataclass(frozen=True, slots=True)
class Batches:
    """What is done with batches.

    Attributes:
        book: keeps them.
        room: keeps the photos until they are judged.
        put: asks the queue for work on a batch.
        now: the clock.
        most_bytes: of the photos of one batch, unpacked.
        quota: of one account.
    """

    book: Book
    room: Room
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
        """Keep the photos, put the batch on record, ask for work on it, and return its public id.

        Args:
            incoming: read one by one; an error that it raises leaves nothing behind.
            name: what the client calls what was sent.
            asked_by: public id of the account.
            read_cases: called after the photos; gives the rows of the table that came with them.
            read_notes: called after that; gives what else is to be said.

        Raises:
            BatchEmpty: there is no photo.
            BatchTooLarge: there are too many photos or bytes.
            BatchQuota: more of the account's photos would wait than may.
            CasesUnreadable: the table does not fit the photos.
            BatchUnwritable: the photos cannot be kept.
            StoreError: the batch cannot be put on record.
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

    def judge_next(self, batch_id: str, corridor: EstimatePipeline | Callable[[], EstimatePipeline]) -> bool:
        """Judge the next photo of a batch and say whether to go on with the batch at once.

        A photo that cannot be judged is refused and done. Where nothing can be judged, because model, index
        or database cannot be used, it goes on waiting. One that ends the process waits, too, but not for
        ever: see `MOST_ATTEMPTS`.
        """
        photo = self.book.begin_next(batch_id)
        if photo is None:
            self.room.clear(batch_id)
            return False
        try:
            return self._judged(batch_id, photo, corridor() if callable(corridor) else corridor)
        except AlreadyJudged:
            return True
        except SimsvcError as error:
            _log.error("batch %s waits: %s", batch_id, error.sentence)
            self.book.take_back(batch_id, photo.position, error.sentence)
            return False

    def _judged(self, batch_id: str, photo: BatchPhoto, corridor: EstimatePipeline) -> bool:
        data = self.room.get(batch_id, photo.position)
        if data is None:
            self._give_up(batch_id, photo, LOST)
        elif photo.attempts > MOST_ATTEMPTS:
            self._give_up(batch_id, photo, JUDGING_FAILED)
        else:
            asked_by = self.book.find(batch_id).asked_by
            recorder = self.book.recorder(batch_id, photo.position)
            self._estimate(batch_id, photo, data, replace(corridor, recorder=recorder), asked_by)
        self.room.drop(batch_id, photo.position)
        return True

    def _estimate(
        self, batch_id: str, photo: BatchPhoto, data: bytes, corridor: EstimatePipeline, asked_by: str
    ) -> None:
        try:
            declared = Declaration(photo.case_reference, photo.birth_date, photo.photo_date)
            estimate(data, photo.name, corridor, asked_by, declared)
        except SimsvcError:
            raise
        except (
            Exception
        ):  # a defect of ours or of a library's: the other photos must not wait for its mending
            _log.exception("photo %s of batch %s failed", photo.position, batch_id)
            self._give_up(batch_id, photo, JUDGING_FAILED)

    def _give_up(self, batch_id: str, photo: BatchPhoto, refusal: Refusal) -> None:
        self.book.give_up(batch_id, photo.position, refusal)

    def _kept(self, batch_id: str, incoming: Incoming, before: Waiting) -> list[NewPhoto]:
        photos: list[NewPhoto] = []
        kept_photos = kept_bytes = 0
        for name, data in incoming:
            if len(photos) == MOST_PHOTOS:
                raise BatchTooLarge(
                    f"There are more than {MOST_PHOTOS} photos. Send them as several batches."
                )
            size_bytes = len(data) if data is not None else 0
            kept_photos, kept_bytes = kept_photos + (data is not None), kept_bytes + size_bytes
            if kept_bytes > self.most_bytes:
                raise BatchTooLarge(
                    "The photos are too large for one batch once they are unpacked. "
                    "Send them as several batches."
                )
            self.quota.check(before, Waiting(kept_photos, kept_bytes))
            if data is not None:
                self.room.put(batch_id, len(photos), data)
            refusal = None if data is not None else TOO_MANY_BYTES
            photos.append(NewPhoto(name, refusal=refusal, size_bytes=size_bytes))
        return photos

    def _ask(self, batch_id: str) -> None:
        """Ask the queue for work; the batch is on record, so that a queue that fails only delays it."""
        try:
            self.put(batch_id)
        except Exception:  # whatever the queue's file does: see above
            _log.exception("batch %s waits until the worker looks for it", batch_id)


def _declaring(photos: Sequence[NewPhoto], table: Table) -> list[NewPhoto]:
    """Return the photos with what a table declares of them."""
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
    """Return the photos called by the last part of their paths; by all of it where two share one."""
    lasts = [last_part(photo.name) for photo in photos]
    if len(set(lasts)) < len(lasts):
        return list(photos)
    return [replace(photo, name=last) for photo, last in zip(photos, lasts, strict=True)]


def _empty(notes: BatchNotes) -> BatchEmpty:
    if not notes.left_out_count:
        return BatchEmpty(
            "No photo came with the request. Choose photos, or a ZIP of photos, and send them again."
        )
    names = ", ".join(f"“{left.name}”" for left in notes.left_out[:3])
    return BatchEmpty(
        f"No file that came with the request is a photo: {names}. "
        "Choose photos, or a ZIP of photos, and send them again."
    )


TOO_MANY_BYTES = Refusal(
    PhotoTooManyBytes.code,
    "The photo has more bytes than are accepted. "
    "Save a smaller copy, or crop it to the face, and send it again.",
)
LOST = Refusal("photo_lost", "The photo was lost before it was judged. Send it again.")
JUDGING_FAILED = Refusal(
    "not_judged",
    "The photo could not be judged, for a reason on our side. Send it by itself, and tell the operator.",
)
REFUSALS = (TOO_MANY_BYTES.sentence, LOST.sentence, JUDGING_FAILED.sentence)
"""What a photo of a batch may be told besides the sentences of errors."""
