"""The file of face changes: append-only lines, rewritten atomically by erasures."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simsvc.adapters.index.files.stamp import Stamp, stamp
from simsvc.adapters.ops.atomic_files import replace_bytes, sync
from simsvc.adapters.ops.permissions import shown_path
from simsvc.domain.gallery.face_changes import (
    ChangeSet,
    ErasedSets,
    from_lines,
    lines_sha256,
    to_line,
)
from simsvc.domain.gallery.set_history import SetHistory
from simsvc.errors import IndexDamaged, IndexUnreadable, IndexUnwritable

FILE = "face-changes.txt"
LOCK = ".face-changes.lock"


class FaceJournal(SetHistory):
    """Face changes of an index folder. Readers need no lock; writers use one."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / FILE
        self._name = os.fspath(self._path)  # a Path would compute it with every request
        self._reading = threading.Lock()
        self._seen: tuple[Stamp | None, tuple[ChangeSet, ...]] = (None, ())

    def stamp(self) -> Stamp | None:
        """Return a value that differs after every change, with one stat; None without changes."""
        return stamp(self._name)

    def append(self, changes: ChangeSet) -> int:
        """Add a set, sync it to disk and return its number; raises IndexDamaged, IndexUnwritable."""
        with self._alone():
            sets = self._sets()
            self._cut_torn_line()
            with self._path.open("ab") as file:
                file.write(to_line(changes).encode())
                file.flush()
                os.fsync(file.fileno())
            sync(self._root)
            return len(sets) + 1

    def sha256s(self) -> tuple[str, ...]:
        """Return the SHA-256 of all sets as they are in the file; raises IndexUnusable if unreadable."""
        return lines_sha256(self._bytes())

    def erase(self, face_ids: frozenset[str]) -> ErasedSets:
        """Remove everything about faces from the file, and return what that changed.

        Raises IndexDamaged if the file is damaged, IndexUnwritable if the file cannot be written.
        """
        with self._alone():
            before = self.sha256s()
            kept = [one.without(face_ids) for one in self._sets()]
            lines = "".join(to_line(one) for one in (*kept, ChangeSet(erased=face_ids))).encode()
            replace_bytes(self._path, lines)
            after = enumerate(lines_sha256(lines), 1)
            changed = {
                number: sha256 for number, sha256 in after if sha256 not in before[number - 1 : number]
            }
            return ErasedSets(len(kept) + 1, changed)

    def lines(self) -> tuple[str, ...]:
        """Return all sets as they are in the file; raises IndexDamaged if one of them is damaged."""
        data = self._bytes()
        from_lines(data)
        return tuple(f"{line}\n" for line in data.decode().split("\n")[:-1])

    def drop(self) -> None:
        """Delete the file: a database has the sets. Raises IndexUnwritable."""
        with self._alone():
            self._path.unlink(missing_ok=True)

    def _sets(self) -> tuple[ChangeSet, ...]:
        with self._reading:
            found = self.stamp()
            if found != self._seen[0]:
                self._seen = (found, from_lines(self._bytes()))
            return self._seen[1]

    def _bytes(self) -> bytes:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return b""
        except PermissionError as error:
            raise IndexUnreadable(file=shown_path(error)) from None
        except OSError:
            raise IndexDamaged("changes_unreadable") from None

    def _cut_torn_line(self) -> None:
        """Remove an incomplete last line, which would corrupt the next one."""
        data = self._bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.truncate(self._path, whole)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the writers' lock, released when the process ends."""
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            with (self._root / LOCK).open("a") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise IndexUnwritable(problem=str(error.strerror)) from None
