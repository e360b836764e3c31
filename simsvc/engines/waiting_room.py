"""Where the photos of a batch wait until they are judged: files under our own names, deleted afterwards."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

from simsvc.errors import BatchUnwritable

BATCH_PATTERN = re.compile(r"[0-9a-f]{32}")
FORGOTTEN_AFTER = timedelta(days=1)
"""A folder of no known batch belongs to an upload that was cut off, or still runs: none runs for a day."""


class WaitingRoom:
    """One folder a batch, one file a photo."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, batch_id: str, position: int, data: bytes) -> None:
        """Keep a photo.

        Raises:
            BatchUnwritable: the disk is full, or the folder may not be written to.
        """
        path = self._path(batch_id, position)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.write_bytes(data)
        except OSError as error:
            raise BatchUnwritable(
                f"The photos cannot be kept until they are judged ({error.strerror}). Nothing was taken in. "
                "Try again later; if it persists, tell the operator."
            ) from None

    def get(self, batch_id: str, position: int) -> bytes | None:
        """Return a waiting photo, or None where it is gone.

        Raises:
            BatchUnwritable: the account may not read it.
        """
        try:
            return self._path(batch_id, position).read_bytes()
        except PermissionError:
            raise BatchUnwritable(
                "The service's account may not read the waiting photos. "
                "Make that account the owner of the batches' folder and of all in it (`chown -R`)."
            ) from None
        except OSError:
            return None

    def drop(self, batch_id: str, position: int) -> None:
        """Delete a photo, and its batch's folder with the last one."""
        path = self._path(batch_id, position)
        path.unlink(missing_ok=True)
        try:
            path.parent.rmdir()
        except OSError:
            return  # others wait there still, or it is gone

    def clear(self, batch_id: str) -> None:
        """Delete all photos of a batch."""
        shutil.rmtree(self._folder(batch_id), ignore_errors=True)

    def sweep(self, known: Collection[str], now: datetime) -> None:
        """Delete the photos of uploads that never became a batch, and of batches that wait for nothing."""
        for folder in self._root.glob("*"):
            if BATCH_PATTERN.fullmatch(folder.name) and folder.name not in known:
                changed_at = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
                if now - changed_at > FORGOTTEN_AFTER:
                    self.clear(folder.name)

    def _folder(self, batch_id: str) -> Path:
        if not BATCH_PATTERN.fullmatch(batch_id):
            raise ValueError(f"{batch_id!r} is no id of a batch")
        return self._root / batch_id

    def _path(self, batch_id: str, position: int) -> Path:
        return self._folder(batch_id) / f"{position:06d}"
