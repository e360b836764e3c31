"""Photos being processed when a process died, in a file with one slot per thread.

The first line is a JSON object of earlier deaths by photo. Slots of `PLACE_BYTES` follow, each with the JSON
text of the thread's photo, or spaces.
"""

from __future__ import annotations

import itertools
import json
import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PLACE_BYTES = 8_192
"""Slot size: a path has at most 4,096 bytes, which JSON rarely escapes."""


class InFlight:
    """Marks photos while they are processed; a killed process leaves its marks."""

    def __init__(self, path: Path) -> None:
        """Count the previous process's marks, and start again; raises OSError if it is not writable."""
        self._path = path
        self._deaths = _deaths(path)
        line = json.dumps(self._deaths).encode() + b"\n"
        path.write_bytes(line)
        self._handle = os.open(path, os.O_WRONLY)
        self._start, self._places, self._own = len(line), itertools.count(), threading.local()

    def deaths(self, photo: str) -> int:
        """Return how many processes died while processing this photo."""
        return self._deaths.get(photo, 0)

    @contextmanager
    def over(self, photo: str) -> Iterator[None]:
        """Mark a photo while it is processed."""
        self._write(photo)
        try:
            yield
        finally:
            self._write(None)

    def close(self) -> None:
        """Close the file, and delete it if it has no marks."""
        os.close(self._handle)
        if not self._deaths:
            self._path.unlink(missing_ok=True)

    def drop(self) -> None:
        """Forget all deaths at the end of a run."""
        self._deaths = Counter()

    def _write(self, photo: str | None) -> None:
        if not hasattr(self._own, "place"):
            self._own.place = next(self._places)
        text = json.dumps(photo).encode() if photo is not None else b""
        os.pwrite(self._handle, text.ljust(PLACE_BYTES), self._start + self._own.place * PLACE_BYTES)


def _deaths(path: Path) -> Counter[str]:
    """Return the deaths in the file, plus one for each marked photo."""
    try:
        table, _, places = path.read_bytes().partition(b"\n")
        deaths = Counter(json.loads(table))
        for start in range(0, len(places), PLACE_BYTES):
            text = places[start : start + PLACE_BYTES].strip(b" \0")
            deaths.update([json.loads(text)] if text else [])
    except (OSError, ValueError, TypeError):
        return Counter()
    return deaths
