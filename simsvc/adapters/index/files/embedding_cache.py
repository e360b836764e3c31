"""Cache of embedded faces for resuming interrupted builds.

A line of JSON with library versions, then records: key (32 bytes), length of the content (8 bytes,
little-endian), SHA-256 of the content (32 bytes), content. Anything after the last complete record is
removed.
"""

from __future__ import annotations

import hashlib
import json
import struct
import threading
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO

from simsvc.domain.gallery.cached_embedding import Outcome, from_bytes, to_bytes
from simsvc.errors import IndexUnwritable

FORMAT = 2
"""Format 1 had no estimates."""
FILE = ".embedded"
"""File name, in the folder of an index's builds."""
_HEAD = struct.Struct("<32sQ32s")


class EmbeddedJournal:
    """Results of embedding by key, thread-safe."""

    def __init__(self, path: Path, libraries: Iterable[str]) -> None:
        """Read the results of an earlier build with the same libraries, if any."""
        self._path = path
        self._beginning = (json.dumps({"format": FORMAT, "libraries": _versions(libraries)}) + "\n").encode()
        self._places: dict[bytes, tuple[int, int]] = {}
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None
        if path.exists():
            self._reopen()

    def __len__(self) -> int:
        """Number of records."""
        return len(self._places)

    def find(self, key: bytes) -> tuple[Outcome, ...] | None:
        """Return the result of a key (32 bytes), or None."""
        place = self._places.get(key)
        if place is None or self._file is None:
            return None
        with self._lock:
            self._file.seek(place[0])
            data = self._file.read(place[1])
        return from_bytes(data)

    def keep(self, key: bytes, outcomes: Sequence[Outcome]) -> None:
        """Append a record, creating the file with the first one."""
        data = to_bytes(outcomes)
        with self._lock:
            file = self._file = self._file or self._fresh()
            start = file.seek(0, 2)
            file.write(_HEAD.pack(key, len(data), hashlib.sha256(data).digest()) + data)
            self._places[key] = (start + _HEAD.size, len(data))

    def close(self) -> None:
        """Flush and close the file."""
        if self._file is not None:
            self._file.close()
        self._file = None
        self._places.clear()

    def drop(self) -> None:
        """Delete the file of a finished build."""
        self.close()
        self._path.unlink(missing_ok=True)

    def _fresh(self) -> IO[bytes]:
        file = self._path.open("w+b", buffering=0)
        file.write(self._beginning)
        return file

    def _reopen(self) -> None:
        """Index the complete records and truncate the rest; start again for other libraries."""
        file = self._path.open("r+b", buffering=0)
        if file.readline() != self._beginning:
            file.close()
            self._path.unlink()
            return
        self._file, end = file, file.tell()
        while (record := _good(file)) is not None:
            key, size = record
            self._places[key] = (file.tell() - size, size)
            end = file.tell()
        file.truncate(end)


def forget_unfinished(root: Path) -> None:
    """Delete the caches of all unfinished builds, which may include an erased face.

    A running build keeps the file open and continues.

    Raises IndexUnwritable if a cache cannot be deleted.
    """
    try:
        for path in root.glob(f"*/{FILE}"):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise IndexUnwritable(problem=str(error.strerror)) from None


def _good(file: IO[bytes]) -> tuple[bytes, int] | None:
    """Read one record, and return its key and content length, or None if incomplete."""
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    key, size, digest = _HEAD.unpack(head)
    data = file.read(size)
    return (key, size) if hashlib.sha256(data).digest() == digest else None


def _versions(libraries: Iterable[str]) -> dict[str, str | None]:
    return {name: _version(name) for name in sorted(libraries)}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
