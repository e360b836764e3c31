"""The journal of a run: FILE.part next to FILE, one JSON line per batch.

The first line describes the run; each other line has the rows of a batch. Incomplete lines are removed.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from simsvc.domain.estimate.output.table_rows import Key, Row
from simsvc.errors import ResultsRefused

FORMAT = 1


class ResultsJournal:
    """Rows by batch, for one process at a time."""

    def __init__(self, path: Path, run: Mapping[str, Any]) -> None:
        """Resume the run in this file, whose description must match, or start it.

        Raises ResultsRefused if another process uses it, it belongs to a different run, or cannot be written.
        """
        self._path = path
        self._header = json.dumps({"format": FORMAT, **run}, sort_keys=True)
        try:
            self._file = path.open("a+b")
        except OSError as error:
            raise ResultsRefused("folder", folder=str(path.parent), problem=str(error.strerror)) from None
        self._hold()
        self._begin()
        self._ends = list(self._line_ends())

    def append(self, done: Sequence[tuple[Key, Row]]) -> None:
        """Add a batch and sync it to disk; raises ResultsRefused if the disk is full or gone."""
        rows = [[size, changed, row] for (_, size, changed), row in done]
        try:
            self._file.write(json.dumps(rows, separators=(",", ":")).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise ResultsRefused("resume", problem=str(error.strerror)) from None
        self._ends.append(self._file.tell())

    def last_records(self) -> tuple[str, ...]:
        """Return the record IDs of the last batch, which may not be recorded."""
        last = list(self._batches(-1))
        return tuple(str(row["record"]) for _, row in last[0] if row["record"]) if last else ()

    def forget_last(self) -> None:
        """Remove the last batch, which was not recorded."""
        self._ends.pop()
        self._file.truncate(self._ends[-1])

    def done(self) -> dict[Key, str]:
        """Return the photos with a row, and their status."""
        return {key: str(row["status"]) for batch in self._batches() for key, row in batch}

    def rows(self) -> Iterator[Row]:
        """Yield one row per photo, the latest."""
        latest = {row["photo"]: key for batch in self._batches() for key, row in batch}
        for batch in self._batches():
            for key, row in batch:
                if latest.get(row["photo"]) == key:
                    del latest[row["photo"]]
                    yield row

    def close(self) -> None:
        """Release the journal."""
        self._file.close()

    def drop(self) -> None:
        """Delete the journal of a finished run."""
        self._path.unlink(missing_ok=True)
        self.close()

    def _batches(self, start: int = 0) -> Iterator[list[tuple[Key, Row]]]:
        """Yield batches from a position; -1 is the last."""
        beginnings, ends = self._ends[:-1], self._ends[1:]
        with self._path.open("rb") as file:
            for begin, end in list(zip(beginnings, ends, strict=True))[start:]:
                file.seek(begin)
                entries = json.loads(file.read(end - begin))
                yield [((row["photo"], size, changed), row) for size, changed, row in entries]

    def _hold(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise ResultsRefused("running", name=self._path.name) from None

    def _begin(self) -> None:
        """Write the first line, or compare it with this run."""
        self._file.seek(0)
        line = self._file.readline()
        if not line.endswith(b"\n"):
            self._file.truncate(0)
            self._file.write(self._header.encode() + b"\n")
            self._file.flush()
        elif line.decode("utf-8", "replace").strip() != self._header:
            self._file.close()
            raise ResultsRefused("other_run", name=self._path.name)

    def _line_ends(self) -> Iterator[int]:
        """Yield the end of each complete line, and truncate the rest."""
        self._file.seek(0)
        end = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            end += len(line)
            yield end
        self._file.truncate(end)
