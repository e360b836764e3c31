"""Erasure: an estimate, a case or a labelled face, out of every table, file and answer, with a receipt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from simsvc.errors import FaceNotFound
from simsvc.ports import ErasableRecords, PhotoSpool
from simsvc.values.erasure import Receipt


class Faces(Protocol):
    """Rows of labelled faces."""

    def erase(self, face_id: str, actor: str, write: Callable[[], int], now: datetime) -> int:
        """Delete a face's row together with what `write` does; return the number of the receipt."""
        ...


class Remains(Protocol):
    """What erased rows leave in the files of the database."""

    def finish(self) -> int:
        """Overwrite it and return of how many erasures it is not overwritten yet."""
        ...

    def unfinished(self) -> int:
        """Count the erasures of which the files may hold remains."""
        ...


@dataclass(frozen=True, slots=True)
class Eraser:
    """What erasure needs.

    Attributes:
        records: rows of estimates and cases.
        room: where photos of batches wait.
        faces: rows of labelled faces.
        forget: takes a labelled face out of the file of face changes, and out of every answer; returns the
            number of the change.
        holding: labels of the index builds whose files hold the face of that id; None where there is no such
            face, in a build or added.
        remains: what is left in files.
        now: the clock.
    """

    records: ErasableRecords
    room: PhotoSpool
    faces: Faces
    forget: Callable[[frozenset[str]], int]
    holding: Callable[[str], tuple[str, ...] | None]
    remains: Remains
    now: Callable[[], datetime]

    def estimate(self, public_id: str, actor: str) -> Receipt:
        """Erase an estimate.

        Raises:
            EstimateNotFound: no estimate has that id, or it was erased already.
            StoreError: nothing was erased.
        """
        return self._dropped(self.records.erase_estimate(public_id, actor, self.now()))

    def case(self, reference: str, actor: str) -> Receipt:
        """Erase every estimate and waiting photo of a case.

        Raises:
            CaseNotFound: nothing has that reference.
            StoreError: nothing was erased.
        """
        return self._dropped(self.records.erase_case(reference, actor, self.now()))

    def face(self, face_id: str, actor: str) -> tuple[int, tuple[str, ...]]:
        """Erase a labelled face: no answer and no page has it from now on, and no later build holds it.

        Returns:
            The number of the receipt, and the builds whose files hold the face until they are retired.

        Raises:
            FaceNotFound: no index build holds it and it was not added, or it was erased already.
            IndexUnwritable: the index folder cannot be written to; nothing was erased.
            StoreError: the database cannot be written; nothing was erased but what `forget` did.
        """
        holding = self.holding(face_id)
        if holding is None:
            raise FaceNotFound("unknown")
        event = self.faces.erase(face_id, actor, lambda: self.forget(frozenset({face_id})), self.now())
        self.remains.finish()
        return event, holding

    def unfinished(self) -> int:
        """Count the erasures of which the files of the database may still hold remains."""
        return self.remains.unfinished()

    def _dropped(self, receipt: Receipt) -> Receipt:
        """Delete the files of photos that waited, and what the database's own files keep."""
        for batch_id, position in receipt.erased.waiting:
            self.room.drop(batch_id, position)
        self.remains.finish()
        return receipt
