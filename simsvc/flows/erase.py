"""Erase an estimate, a case or a reference face everywhere, with a receipt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from simsvc.domain.gallery.face_changes import ErasedSets
from simsvc.errors import FaceNotFound
from simsvc.ports import ErasableRecords, PhotoSpool
from simsvc.values.erasure import Receipt


class Faces(Protocol):
    """Rows of reference faces."""

    def erase(self, face_id: str, actor: str, write: Callable[[], ErasedSets], now: datetime) -> int:
        """Delete a face's row in one transaction with `write`; return the number of the receipt."""


class Remains(Protocol):
    """Copies of erased rows in the database files."""

    def finish(self) -> int:
        """Overwrite them and return the number of unfinished erasures."""

    def unfinished(self) -> int:
        """Count the erasures that may have left copies."""


@dataclass(frozen=True, slots=True)
class Eraser:
    """Dependencies of erasures.

    Attributes:
        forget: removes a reference face from the file of face changes and all answers; returns what that
            changed in the file.
        holding: labels of the index builds whose files contain a face; None if the face does not exist.
    """

    records: ErasableRecords
    room: PhotoSpool
    faces: Faces
    forget: Callable[[frozenset[str]], ErasedSets]
    holding: Callable[[str], tuple[str, ...] | None]
    remains: Remains
    now: Callable[[], datetime]

    def estimate(self, public_id: str, actor: str) -> Receipt:
        """Erase an estimate.

        Raises EstimateNotFound if the estimate does not exist or was erased already; StoreError if the
        database cannot be written, ObjectsUnavailable if waiting photos could not be deleted, both with
        nothing erased.
        """
        self.room.check()
        return self._dropped(self.records.erase_estimate(public_id, actor, self.now()))

    def case(self, reference: str, actor: str) -> Receipt:
        """Erase every estimate and waiting photo of a case.

        Raises CaseNotFound if the case does not exist; StoreError if the database cannot be written,
        ObjectsUnavailable if waiting photos could not be deleted, both with nothing erased.
        """
        self.room.check()
        return self._dropped(self.records.erase_case(reference, actor, self.now()))

    def face(self, face_id: str, actor: str) -> tuple[int, tuple[str, ...]]:
        """Erase a reference face from all answers, pages and later builds.

        Return the number of the receipt, and the builds whose files contain the face until they are retired.
        Raises FaceNotFound if the face does not exist or was erased already; IndexUnwritable if the index
        folder cannot be written to, with nothing erased; StoreError if the database cannot be written, with
        nothing erased but what `forget` did.
        """
        holding = self.holding(face_id)
        if holding is None:
            raise FaceNotFound("unknown")
        event = self.faces.erase(face_id, actor, lambda: self.forget(frozenset({face_id})), self.now())
        self.remains.finish()
        return event, holding

    def unfinished(self) -> int:
        """Count the erasures that may have left copies in the database files."""
        return self.remains.unfinished()

    def _dropped(self, receipt: Receipt) -> Receipt:
        """Delete waiting photos, and overwrite copies in the database files."""
        for batch_id, position in receipt.erased.waiting:
            self.room.drop(batch_id, position)
        self.remains.finish()
        return receipt
