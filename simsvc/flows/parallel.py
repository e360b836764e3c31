"""Work in chunks, by several threads, its outcomes in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Job = TypeVar("Job")
Done = TypeVar("Done")

CHUNK = 8
"""Photos that one thread takes at a time. Handing over takes some 50 us, a photo some 8 ms: more would not be
faster, and less is lost when a process is killed."""
AHEAD = 8
"""Chunks that may be done or under way and not taken yet; never fewer than twice the threads."""


def in_order(
    work: Callable[[Job], Done], jobs: Iterable[Job], threads: int, ahead: int = AHEAD
) -> Iterator[Done]:
    """Do the work by so many threads, and yield what comes of it in the jobs' order.

    Where the caller stops early, or a job raises, what has not begun is left undone.

    Args:
        work: is called with each job, by any thread.
        jobs: read as they are begun.
        threads: how many jobs are under way at one time.
        ahead: how many may be done or under way and not taken yet, which bounds the memory; at least twice
            the threads.
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
