"""Waiting photos of batches, as files with generated names."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from simsvc.adapters.ops.disk import FreeDisk, write_failure
from simsvc.errors import BatchUnwritable

BATCH_PATTERN = re.compile(r"[0-9a-f]{32}")
FORGOTTEN_AFTER = timedelta(minutes=1)
"""Minimum age of a leftover folder: an upload needs milliseconds to create and lock it."""


class BatchSpool:
    """One folder a batch, one file a photo."""

    def __init__(self, root: Path, reserve_bytes: int = 0) -> None:
        self._root = root
        self._reserve_bytes = reserve_bytes

    def check(self) -> None:
        """Do nothing: what is deleted is deleted."""

    @contextmanager
    def filling(self, batch_id: str) -> Iterator[None]:
        """Create and lock a batch's folder during an upload.

        Failed uploads leave nothing behind.

        Raises BatchUnwritable if the folder cannot be created.
        """
        folder = self._folder(batch_id)
        try:
            folder.mkdir(parents=True, mode=0o700)
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise write_failure(error) from None
        try:
            with suppress(OSError):  # a file system without locks: see `_is_held`
                fcntl.flock(held, fcntl.LOCK_SH)
            yield
        except BaseException:
            self.clear(batch_id)
            raise
        finally:
            os.close(held)

    def put(self, batch_id: str, position: int, data: bytes) -> None:
        """Store a photo.

        Raises DiskReserve if the reserve would be used; BatchUnwritable if the disk is full, or the folder is
        not writable.
        """
        path = self._path(batch_id, position)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            FreeDisk(path.parent, self._reserve_bytes).check(len(data))
            path.touch(mode=0o600)
            path.write_bytes(data)
        except OSError as error:
            raise write_failure(error) from None

    def get(self, batch_id: str, position: int) -> bytes | None:
        """Return a waiting photo, or None if it is gone; raises BatchUnwritable if it is not readable."""
        try:
            return self._path(batch_id, position).read_bytes()
        except PermissionError:
            raise BatchUnwritable("permission") from None
        except OSError:
            return None

    def drop(self, batch_id: str, position: int) -> None:
        """Delete a photo, and its batch's folder with the last one."""
        path = self._path(batch_id, position)
        path.unlink(missing_ok=True)
        try:
            path.parent.rmdir()
        except OSError:
            return  # not empty, or gone

    def clear(self, batch_id: str) -> None:
        """Delete all photos of a batch."""
        shutil.rmtree(self._folder(batch_id), ignore_errors=True)

    def sweep(self, known: Callable[[], Collection[str]], now: datetime) -> None:
        """Delete photos of failed uploads and of batches not `known`, a set read after the locks."""
        forgotten = [
            folder.name
            for folder in self._root.glob("*")
            if BATCH_PATTERN.fullmatch(folder.name) and _is_old(folder, now) and not _is_held(folder)
        ]
        waiting = set(known()) if forgotten else set()
        for batch_id in forgotten:
            if batch_id not in waiting:
                self.clear(batch_id)

    def _folder(self, batch_id: str) -> Path:
        if not BATCH_PATTERN.fullmatch(batch_id):
            raise ValueError(f"{batch_id!r} is no id of a batch")
        return self._root / batch_id

    def _path(self, batch_id: str, position: int) -> Path:
        return self._folder(batch_id) / f"{position:06d}"


def _is_old(folder: Path, now: datetime) -> bool:
    try:
        return now - datetime.fromtimestamp(folder.stat().st_mtime, UTC) > FORGOTTEN_AFTER
    except OSError:
        return False  # already gone


def _is_held(folder: Path) -> bool:
    """Return whether an upload holds a folder; unreadable ones count as held."""
    try:
        own = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return True
    try:
        fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(own)
    return False
