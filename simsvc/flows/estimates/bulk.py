"""Estimate many local photos into a table, on all cores, resumable."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import chain, tee
from pathlib import Path, PurePath
from typing import Protocol

from simsvc.domain.chunks import chunks_of
from simsvc.domain.estimate.output.table_rows import Key, Row, result_row
from simsvc.errors import NotJudged, PhotoMissing, PhotoTooManyBytes, SimsvcError
from simsvc.flows.estimates.batch import MOST_ATTEMPTS
from simsvc.flows.estimates.estimate import EstimatePipeline, answered, answered_from_look
from simsvc.flows.estimates.look import File, Looked, Seen
from simsvc.flows.parallel import in_order
from simsvc.messages import Message
from simsvc.ports import BulkBook, Recorder, WideWork
from simsvc.values import Estimate

BATCH = 64
"""Photos per transaction and journal line: other writers of SQLite wait for it, at most 0.2 s."""
PHOTOS_AHEAD = 2 * BATCH
"""Photos estimated while a batch is recorded."""

_log = logging.getLogger(__name__)


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
class Judged:
    """The estimate of a file; an answer is recorded, and a file that could not be read is not."""

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
        wide: looks at photos on other hosts; None: this process does.
    """

    pipeline: EstimatePipeline
    journal: RowJournal
    book: BulkBook | None
    read: Callable[[Path | str, int], bytes]
    watch: Watch
    threads: int
    wide: WideWork[File, Seen] | None = None

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
        judged = (
            self._judged_here(list(files)) if self.wide is None else self._judged_widely(files, self.wide)
        )
        for batch in chunks_of(with_progress(judged, progress), BATCH):
            with self.book.together() if self.book else nullcontext() as recorder:
                self.journal.append([self._row(one, recorder) for one in batch])
            for one in batch:
                if one.answer and self.book:
                    self.pipeline.recorded(one.estimate)

    def judged(self, files: Iterable[File]) -> Iterator[Judged]:
        """Yield the estimates of files without recording them; raises as `judge` does."""
        return self._judged_widely(files, self.wide) if self.wide else self._judged_here(list(files))

    def _judged_here(self, files: Sequence[File]) -> Iterator[Judged]:
        suspects = [file for file in files if self.watch.deaths(file.shown)]
        others = (file for file in files if not self.watch.deaths(file.shown))
        return chain(
            in_order(self._judged, others, self.threads, PHOTOS_AHEAD), in_order(self._judged, suspects, 1)
        )

    def _judged_widely(self, files: Iterable[File], wide: WideWork[File, Seen]) -> Iterator[Judged]:
        """Compare here what other hosts see in the photos, so that one index answers for all."""
        files, looked_at = tee(files)
        seen = zip(looked_at, wide.ordered(files), strict=True)
        return in_order(self._compared, seen, self.threads, PHOTOS_AHEAD)

    def _compared(self, one: tuple[File, Seen]) -> Judged:
        file, seen = one
        if isinstance(seen, Message):
            return _refused(file, seen)
        answer = answered_from_look(seen, PurePath(file.shown).name, self.pipeline)
        return Judged(file, replace(answer, photo=self._kept(file, seen)), answer=True)

    def _kept(self, file: File, seen: Looked) -> bytes | None:
        """Return the photo if it is kept, unless its file was replaced or is gone."""
        if not self.pipeline.keep_photos:
            return None
        try:
            data = self.read(file.path, self.pipeline.max_bytes)
        except (PhotoMissing, PhotoTooManyBytes):
            return None
        return data if hashlib.sha256(data).hexdigest() == seen.photo_sha256 else None

    def _judged(self, file: File) -> Judged:
        if self.watch.deaths(file.shown) >= MOST_ATTEMPTS:
            return _refused(file, NotJudged().message)
        with self.watch.over(file.shown):
            return self._answered(file)

    def _answered(self, file: File) -> Judged:
        pipeline = self.pipeline
        try:
            data = self.read(file.path, pipeline.max_bytes)
            answer = answered(data, PurePath(file.shown).name, pipeline)
        except (PhotoMissing, PhotoTooManyBytes) as error:
            return _refused(file, error.message)
        except SimsvcError:
            raise
        except Exception:  # a bug: the other photos must not wait for a fix
            _log.exception("%s could not be judged", file.shown)
            return _refused(file, NotJudged().message)
        return Judged(file, replace(answer, photo=data if pipeline.keep_photos else None), answer=True)

    def _row(self, judged: Judged, recorder: Recorder | None) -> tuple[Key, Row]:
        record = recorder.record(judged.estimate).id if recorder and judged.answer else None
        return judged.file.key, result_row(judged.file.shown, judged.estimate, record)


def _refused(file: File, refusal: Message) -> Judged:
    name = PurePath(file.shown).name
    return Judged(file, Estimate(name, "", "refused", refusal.code, refusal), answer=False)


def with_progress(judged: Iterable[Judged], progress: Callable[[], None]) -> Iterator[Judged]:
    """Report progress before each one."""
    for one in judged:
        progress()
        yield one
