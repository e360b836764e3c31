"""Batches: photos taken in together, judged one after another, each of them exactly once on record."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from simsvc.errors import AlreadyJudged, BatchEmpty, BatchTooLarge, PhotoTooManyBytes, SimsvcError
from simsvc.flows.estimate import Corridor, estimate
from simsvc.ports import Recorder
from simsvc.steps.cases import check_named, last_part
from simsvc.values import Batch, BatchPhoto, Declaration, NewPhoto, Refusal

MOST_PHOTOS = 1_000
"""Photos of one batch. Ours: two cores judge them in minutes, and people can still read the results."""
MOST_ATTEMPTS = 3
"""A machine may go down twice with the same photo; a third time it is the photo. Ours."""

_log = logging.getLogger(__name__)

Incoming = Iterable[tuple[str, bytes | None]]
"""Names and bytes of photos; None for the bytes of one that has too many."""


class Room(Protocol):
    """Keeps the photos of a batch until they are judged."""

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

    def add(self, batch_id: str, name: str, photos: list[NewPhoto], asked_by: str, now: datetime) -> None:
        """Put a batch on record."""
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
    """

    book: Book
    room: Room
    put: Callable[[str], None]
    now: Callable[[], datetime]

    def take_in(
        self, incoming: Incoming, name: str, asked_by: str, read_cases: Callable[[], dict[str, str]]
    ) -> str:
        """Keep the photos, put the batch on record, ask for work on it, and return its public id.

        Args:
            incoming: read one by one; an error that it raises leaves nothing behind.
            name: what the client calls what was sent.
            asked_by: public id of the account.
            read_cases: called after the photos; gives file names to case references.

        Raises:
            BatchEmpty: there is no photo.
            BatchTooLarge: there are too many.
            CasesUnreadable: the case references do not fit the photos.
            BatchUnwritable: the photos cannot be kept.
            StoreError: the batch cannot be put on record.
        """
        batch_id = uuid.uuid4().hex
        try:
            photos = self._kept(batch_id, incoming)
            cases = read_cases()
            check_named(cases, [last_part(photo.name) for photo in photos])
            photos = [replace(photo, case_reference=cases.get(last_part(photo.name))) for photo in photos]
            self.book.add(batch_id, name, photos, asked_by, self.now())
        except BaseException:
            self.room.clear(batch_id)
            raise
        self._ask(batch_id)
        return batch_id

    def judge_next(self, batch_id: str, corridor: Corridor | Callable[[], Corridor]) -> bool:
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

    def _judged(self, batch_id: str, photo: BatchPhoto, corridor: Corridor) -> bool:
        data = self.room.get(batch_id, photo.position)
        if data is None:
            self._give_up(batch_id, photo, LOST)
        elif photo.attempts > MOST_ATTEMPTS:
            self._give_up(batch_id, photo, ENDLESS)
        else:
            asked_by = self.book.find(batch_id).asked_by
            recorder = self.book.recorder(batch_id, photo.position)
            self._estimate(batch_id, photo, data, replace(corridor, recorder=recorder), asked_by)
        self.room.drop(batch_id, photo.position)
        return True

    def _estimate(
        self, batch_id: str, photo: BatchPhoto, data: bytes, corridor: Corridor, asked_by: str
    ) -> None:
        try:
            estimate(data, photo.name, corridor, asked_by, Declaration(case=photo.case_reference))
        except SimsvcError:
            raise
        except (
            Exception
        ):  # a defect of ours or of a library's: the other photos must not wait for its mending
            _log.exception("photo %s of batch %s failed", photo.position, batch_id)
            self._give_up(batch_id, photo, ENDLESS)

    def _give_up(self, batch_id: str, photo: BatchPhoto, refusal: Refusal) -> None:
        self.book.give_up(batch_id, photo.position, refusal)

    def _kept(self, batch_id: str, incoming: Incoming) -> list[NewPhoto]:
        photos: list[NewPhoto] = []
        for name, data in incoming:
            if len(photos) == MOST_PHOTOS:
                raise BatchTooLarge(
                    f"There are more than {MOST_PHOTOS} photos. Send them as several batches."
                )
            if data is not None:
                self.room.put(batch_id, len(photos), data)
            photos.append(NewPhoto(name, refusal=None if data is not None else TOO_MANY_BYTES))
        if not photos:
            raise BatchEmpty(
                "No photo came with the request. Choose photos, or a ZIP of photos, and send them again."
            )
        return photos

    def _ask(self, batch_id: str) -> None:
        """Ask the queue for work; the batch is on record, so that a queue that fails only delays it."""
        try:
            self.put(batch_id)
        except Exception:  # whatever the queue's file does: see above
            _log.exception("batch %s waits until the worker looks for it", batch_id)


TOO_MANY_BYTES = Refusal(
    PhotoTooManyBytes.code,
    "The photo has more bytes than are accepted. "
    "Save a smaller copy, or crop it to the face, and send it again.",
)
LOST = Refusal("photo_lost", "The photo was lost before it was judged. Send it again.")
ENDLESS = Refusal(
    "not_judged",
    "The photo could not be judged, for a reason on our side. Send it by itself, and tell the operator.",
)
REFUSALS = (TOO_MANY_BYTES.sentence, LOST.sentence, ENDLESS.sentence)
"""What a photo of a batch may be told besides the sentences of errors."""
