"""Process jobs in chunks with several threads, with results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

Job = TypeVar("Job")
Done = TypeVar("Done")

CHUNK = 8
"""Jobs per chunk. Handing over takes some 50 us and a photo some 8 ms, so larger chunks would not be faster
and lose more when the process is killed."""
AHEAD = 8
"""Chunks processed ahead; at least twice the threads."""


def in_order(
    work: Callable[[Job], Done], jobs: Iterable[Job], threads: int, ahead: int = AHEAD
) -> Iterator[Done]:
    """Process jobs with several threads, and yield the results in order.

    Jobs are read lazily. If the caller stops or a job raises, remaining jobs are not started. Limiting the
    jobs processed ahead, at least twice the threads, limits memory.
    """
    most = max(ahead, 2 * threads)
    pending: deque[Future[Done]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for job in jobs:
                pending.append(pool.submit(work, job))
                if len(pending) >= most:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


@dataclass(frozen=True, slots=True)
class LocalThreads(Generic[Job, Done]):
    """Work on the threads of this process, as the port `WideWork`."""

    work: Callable[[Job], Done]
    threads: int
    ahead: int = AHEAD

    def ordered(self, jobs: Iterable[Job]) -> Iterator[Done]:
        """Process jobs as `in_order` does."""
        return in_order(self.work, jobs, self.threads, self.ahead)
