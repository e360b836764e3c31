"""Which photos were being judged when a process died: beside a run's journal, one place for each thread.

The first line is a JSON table of before, photo to how many processes died with it. Places of `PLACE_BYTES`
follow, each with the JSON text of the photo that its thread has in hand, or blanks.
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
"""A path has at most 4,096 bytes, each of which takes two or more as JSON only where it is no plain text."""


class InFlight:
    """Notes photos while they are judged. A process that is killed leaves its notes behind."""

    def __init__(self, path: Path) -> None:
        """Count what the process before left behind, and begin anew.

        Raises:
            OSError: the file cannot be written.
        """
        self._path = path
        self._deaths = _deaths(path)
        line = json.dumps(self._deaths).encode() + b"\n"
        path.write_bytes(line)
        self._handle = os.open(path, os.O_WRONLY)
        self._start, self._places, self._own = len(line), itertools.count(), threading.local()

    def deaths(self, photo: str) -> int:
        """Return how many processes died with this photo in hand."""
        return self._deaths.get(photo, 0)

    @contextmanager
    def over(self, photo: str) -> Iterator[None]:
        """Note a photo for as long as it is in hand."""
        self._write(photo)
        try:
            yield
        finally:
            self._write(None)

    def close(self) -> None:
        """Let go of the file; it goes, too, where nothing in it counts any more."""
        os.close(self._handle)
        if not self._deaths:
            self._path.unlink(missing_ok=True)

    def drop(self) -> None:
        """Forget what died: the run is finished."""
        self._deaths = Counter()

    def _write(self, photo: str | None) -> None:
        if not hasattr(self._own, "place"):
            self._own.place = next(self._places)
        text = json.dumps(photo).encode() if photo is not None else b""
        os.pwrite(self._handle, text.ljust(PLACE_BYTES), self._start + self._own.place * PLACE_BYTES)


def _deaths(path: Path) -> Counter[str]:
    """Return what the file counts, with one more for each photo that was in hand."""
    try:
        table, _, places = path.read_bytes().partition(b"\n")
        deaths = Counter(json.loads(table))
        for start in range(0, len(places), PLACE_BYTES):
            text = places[start : start + PLACE_BYTES].strip(b" \0")
            deaths.update([json.loads(text)] if text else [])
    except (OSError, ValueError, TypeError):
        return Counter()
    return deaths
