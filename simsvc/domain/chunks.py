"""Jobs in chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Job = TypeVar("Job")


def chunks_of(jobs: Iterable[Job], size: int) -> Iterator[tuple[Job, ...]]:
    """Yield the jobs in tuples of `size`, the last one shorter."""
    jobs = iter(jobs)
    while chunk := tuple(islice(jobs, size)):
        yield chunk
