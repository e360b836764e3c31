"""What all processes agree on: the index build in service, face changes, and who may build."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from simsvc.adapters.index.build_lock import build_lock
from simsvc.adapters.index.files.face_journal import FaceJournal
from simsvc.adapters.index.files.pointer import FilePointer
from simsvc.domain.gallery.face_changes import ChangeSet, ErasedSets, FaceChanges
from simsvc.ports import BuildLock, CurrentPointer


class Journal(Protocol):
    """Face changes, in numbered sets. Every method raises IndexDamaged, IndexUnreadable or StoreError."""

    def stamp(self) -> object:
        """Return a value that differs after every change."""

    def changes(self, number: int | None = None) -> FaceChanges:
        """Return the state after the first `number` sets, or all."""

    def with_next(self, changes: ChangeSet) -> FaceChanges:
        """Return the state after all sets and one more."""

    def added_in(self, face_id: str) -> int | None:
        """Return the number of the set that added a face, or None."""

    def append(self, changes: ChangeSet) -> int:
        """Add a set and return its number; raises IndexUnwritable."""

    def sha256s(self) -> tuple[str, ...]:
        """Return the SHA-256 of all sets as they are stored."""

    def erase(self, face_ids: frozenset[str]) -> ErasedSets:
        """Remove everything about faces, and return what that changed; raises IndexUnwritable."""


@dataclass(frozen=True, slots=True)
class ServedState:
    """Where that is kept: in files of the index folder, or in a database that several hosts share.

    Attributes:
        stamps: returns the stamps of pointer and journal, for every request.
        is_shared: whether another host may switch to a build that this one does not have yet.
    """

    pointer: CurrentPointer
    journal: Journal
    lock: BuildLock
    stamps: Callable[[], tuple[object, object]]
    is_shared: bool = False


def state_in_files(root: Path) -> ServedState:
    """Return the state of one host, kept in files of its index folder."""
    pointer, journal = FilePointer(root), FaceJournal(root)
    return ServedState(pointer, journal, build_lock, lambda: (pointer.stamp(), journal.stamp()))
