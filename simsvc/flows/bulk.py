"""Many photos of this machine to a table: judged by all cores, recorded by batches, and gone on with."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path, PurePath
from typing import Protocol

from simsvc.domain.chunks import chunks_of
from simsvc.domain.estimate.table_rows import Key, Row, result_row
from simsvc.errors import PhotoMissing, PhotoTooManyBytes, SimsvcError
from simsvc.flows.batch import JUDGING_FAILED, MOST_ATTEMPTS
from simsvc.flows.estimate import EstimatePipeline, answered
from simsvc.flows.parallel import in_order
from simsvc.ports import Recorder
from simsvc.values import Estimate, Refusal

BATCH = 64
"""Photos recorded in one transaction and added to the journal in one line. Others who write to SQLite wait
for it, a fifth of a second at most. Ours."""
PHOTOS_AHEAD = 2 * BATCH
"""Photos that are judged while a batch is recorded. Ours."""

_log = logging.getLogger(__name__)


class File(Protocol):
    """A file that is to be judged."""

    @property
    def path(self) -> Path:
        """Where it lies."""
        ...

    @property
    def shown(self) -> str:
        """The same as text that can be written anywhere."""
        ...

    @property
    def key(self) -> Key:
        """What tells it from other files."""
        ...


class Journal(Protocol):
    """The rows that are there already."""

    def append(self, done: Sequence[tuple[Key, Row]]) -> None:
        """Add a batch; it is on the disk when this returns."""
        ...

    def last_records(self) -> tuple[str, ...]:
        """Return the records that the last batch names."""
        ...

    def forget_last(self) -> None:
        """Cut the last batch off."""
        ...

    def done(self) -> Mapping[Key, str]:
        """Return which photos have a row, and its status."""
        ...


class Book(Protocol):
    """Puts estimates on record."""

    def together(self) -> AbstractContextManager[Recorder]:
        """Give a recorder whose estimates go on record when the block ends: all, or none."""
        ...

    def have(self, records: Sequence[str]) -> bool:
        """Say whether all of these are on record."""
        ...


class Watch(Protocol):
    """Knows which photos processes died with."""

    def deaths(self, photo: str) -> int:
        """Return how many died with this photo in hand."""
        ...

    def over(self, photo: str) -> AbstractContextManager[None]:
        """Note a photo for as long as it is in hand."""
        ...


@dataclass(frozen=True, slots=True)
class _Judged:
    """What came of a photo, and whether it is an answer that belongs on record."""

    file: File
    estimate: Estimate
    answer: bool


@dataclass(frozen=True, slots=True)
class Bulk:
    """What judging many photos needs.

    Attributes:
        corridor: judges each of them, as it does a single one; its recorder is not asked.
        journal: keeps the rows until the table is written.
        book: puts the answers on record, or None where nothing is to be.
        read: returns a photo's bytes, of which there may be so many; raises PhotoMissing, PhotoTooManyBytes.
        watch: remembers what was in hand when a process died: a photo that ends it is given up in the end.
        threads: photos under way at one time.
    """

    corridor: EstimatePipeline
    journal: Journal
    book: Book | None
    read: Callable[[Path, int], bytes]
    watch: Watch
    threads: int

    def waiting(self, files: Iterable[File]) -> list[File]:
        """Return the files that have no row yet, after the last batch is known to be on record or forgotten.

        Raises:
            StoreError: the database cannot be read.
        """
        records = self.journal.last_records()
        if self.book is not None and records and not self.book.have(records):
            self.journal.forget_last()
        done = self.journal.done()
        return [file for file in files if file.key not in done]

    def judge(self, files: Iterable[File], progress: Callable[[], None]) -> None:
        """Judge files by batches: a batch is in the journal and on record, or neither, when the process dies.

        Its line in the journal is on the disk before its transaction is committed, so that `waiting` can tell
        by the records that it names. Photos that a process died with come last and alone, so that a death
        counts against no other.

        Args:
            files: that have no row yet.
            progress: told of each photo that was judged.

        Raises:
            IndexUnusable: no index can be used.
            BundleError: the model cannot be used.
            StoreError: the answers cannot be put on record.
            ResultsRefused: the journal cannot be written.
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
                    self.corridor.recorded(one.estimate)

    def _judged(self, file: File) -> _Judged:
        if self.watch.deaths(file.shown) >= MOST_ATTEMPTS:
            return _refused(file, JUDGING_FAILED)
        with self.watch.over(file.shown):
            return self._answered(file)

    def _answered(self, file: File) -> _Judged:
        corridor = self.corridor
        try:
            data = self.read(file.path, corridor.max_bytes)
            answer = answered(data, PurePath(file.shown).name, corridor)
        except (PhotoMissing, PhotoTooManyBytes) as error:
            return _refused(file, Refusal(error.code, error.sentence))
        except SimsvcError:
            raise
        except Exception:  # a defect of ours or of a library's: the other photos must not wait for it
            _log.exception("%s could not be judged", file.shown)
            return _refused(file, JUDGING_FAILED)
        return _Judged(file, replace(answer, photo=data if corridor.keep_photos else None), answer=True)

    def _row(self, judged: _Judged, recorder: Recorder | None) -> tuple[Key, Row]:
        record = recorder.record(judged.estimate).id if recorder and judged.answer else None
        return judged.file.key, result_row(judged.file.shown, judged.estimate, record)


def _refused(file: File, refusal: Refusal) -> _Judged:
    """Return a row's answer for a photo of which there is nothing to put on record."""
    name = PurePath(file.shown).name
    return _Judged(file, Estimate(name, "", "refused", refusal.code, refusal.sentence), answer=False)


def with_progress(judged: Iterable[_Judged], progress: Callable[[], None]) -> Iterator[_Judged]:
    for one in judged:
        progress()
        yield one
