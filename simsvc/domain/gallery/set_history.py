"""The numbered sets of face changes, however they are stored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from simsvc.domain.gallery.face_changes import ChangeSet, FaceChanges, changes_of


class SetHistory(ABC):
    """What follows from the sets. Every method raises what reading them raises, such as IndexDamaged."""

    @abstractmethod
    def _sets(self) -> Sequence[ChangeSet]:
        """Return all sets, oldest first."""

    def changes(self, number: int | None = None) -> FaceChanges:
        """Return the state after the first `number` sets, or all."""
        return changes_of(self._sets(), number)

    def with_next(self, changes: ChangeSet) -> FaceChanges:
        """Return the state after all sets and one more."""
        return changes_of((*self._sets(), changes))

    def added_in(self, face_id: str) -> int | None:
        """Return the number of the set that added a face, or None."""
        sets = enumerate(self._sets(), 1)
        return next(
            (number for number, one in sets if any(live.face.face_id == face_id for live in one.added)), None
        )
