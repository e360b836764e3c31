"""Estimate many local photos into a table, on all cores, resumable."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path, PurePath
from typing import Protocol

from simsvc.domain.chunks import chunks_of
from simsvc.domain.estimate.output.table_rows import Key, Row, result_row
from simsvc.errors import NotJudged, PhotoMissing, PhotoTooManyBytes, SimsvcError
from simsvc.flows.estimates.batch import MOST_ATTEMPTS
from simsvc.flows.estimates.estimate import EstimatePipeline, answered
from simsvc.flows.parallel import in_order
from simsvc.ports import BulkBook, Recorder
from simsvc.values import Estimate

BATCH = 64
"""Photos per transaction and journal line: other writers of SQLite wait for it, at most 0.2 s."""
PHOTOS_AHEAD = 2 * BATCH
"""Photos estimated while a batch is recorded."""

_log = logging.getLogger(__name__)


class File(Protocol):
    """A photo file."""

    @property
    def path(self) -> Path:
        """Its path."""

    @property
    def shown(self) -> str:
        """Its printable path."""

    @property
    def key(self) -> Key:
        """Its identity: name, size and modification time."""


class RowJournal(Protocol):
    """The rows that are there already."""

    def append(self, done: Sequence[tuple[Key, Row]]) -> None:
        """Add a batch and sync it to disk."""

    def last_records(self) -> tuple[str, ...]:
        """Return the record IDs of the last batch."""

    def forget_last(self) -> None:
        """Remove the last batch."""

    def done(self) -> Mapping[Key, str]:
        """Return the photos with a row, and their status."""


class Watch(Protocol):
    """Tracks photos that crashed processes."""

    def deaths(self, photo: str) -> int:
        """Return how many processes died while processing this photo."""

    def over(self, photo: str) -> AbstractContextManager[None]:
        """Mark a photo as being processed."""


@dataclass(frozen=True, slots=True)
class _Judged:
    file: File
    estimate: Estimate
    answer: bool


@dataclass(frozen=True, slots=True)
class Bulk:
    """Dependencies for estimating many photos.

    Attributes:
        pipeline: estimates each photo; its recorder is not used.
        book: records the results, or None to record nothing.
        read: reads a photo with a size limit; raises PhotoMissing, PhotoTooManyBytes.
        watch: tracks photos that crash the process, which are given up eventually.
    """

    pipeline: EstimatePipeline
    journal: RowJournal
    book: BulkBook | None
    read: Callable[[Path, int], bytes]
    watch: Watch
    threads: int

    def waiting(self, files: Iterable[File]) -> list[File]:
        """Return the files without a row, after confirming or removing the last batch; raises StoreError."""
        records = self.journal.last_records()
        if self.book is not None and records and not self.book.have(records):
            self.journal.forget_last()
        done = self.journal.done()
        return [file for file in files if file.key not in done]

    def judge(self, files: Iterable[File], progress: Callable[[], None]) -> None:
        """Estimate files in batches, each recorded and in the journal, or neither.

        The journal line is on disk before the transaction is committed, so that `waiting` can check its
        records. Photos that crashed a process come last and alone, so that no other photo is blamed.

        Raises IndexUnusable if no index can be used, BundleError if the model cannot be used, StoreError if
        the results cannot be recorded, ResultsRefused if the journal cannot be written.
        """
        files = list(files)
        suspects = [file for file in files if self.watch.deaths(file.shown)]
        others = (file for file in files if not self.watch.deaths(file.shown))
        judged = chain(
            in_order(self._judged, others, self.threads, PHOTOS_AHEAD), in_order(self._judged, suspects, 1)
        )
        for batch in chunks_of(with_progress(judged, progress), BATCH):
            with self.book.together() if self.book else nullcontext() as recorder:
                self.journal.append([self._row(one, recorder) for one in batch])
            for one in batch:
                if one.answer and self.book:
                    self.pipeline.recorded(one.estimate)

    def _judged(self, file: File) -> _Judged:
        if self.watch.deaths(file.shown) >= MOST_ATTEMPTS:
            return _refused(file, NotJudged())
        with self.watch.over(file.shown):
            return self._answered(file)

    def _answered(self, file: File) -> _Judged:
        pipeline = self.pipeline
        try:
            data = self.read(file.path, pipeline.max_bytes)
            answer = answered(data, PurePath(file.shown).name, pipeline)
        except (PhotoMissing, PhotoTooManyBytes) as error:
            return _refused(file, error)
        except SimsvcError:
            raise
        except Exception:  # a bug: the other photos must not wait for a fix
            _log.exception("%s could not be judged", file.shown)
            return _refused(file, NotJudged())
        return _Judged(file, replace(answer, photo=data if pipeline.keep_photos else None), answer=True)

    def _row(self, judged: _Judged, recorder: Recorder | None) -> tuple[Key, Row]:
        record = recorder.record(judged.estimate).id if recorder and judged.answer else None
        return judged.file.key, result_row(judged.file.shown, judged.estimate, record)


def _refused(file: File, refusal: SimsvcError) -> _Judged:
    name = PurePath(file.shown).name
    return _Judged(file, Estimate(name, "", "refused", refusal.code, refusal.message), answer=False)


def with_progress(judged: Iterable[_Judged], progress: Callable[[], None]) -> Iterator[_Judged]:
    """Report progress before each one."""
    for one in judged:
        progress()
        yield one
