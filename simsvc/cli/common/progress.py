"""Progress bars."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

PROGRESS_FROM = 10
"""From this many photos on, a progress bar is worth its line."""


@contextmanager
def progress(
    unit: str, name: str | None = None, total: int | None = None, *, hidden: bool = False
) -> Iterator[Callable[[int, int], None]]:
    """Show a bar if on a terminal, and yield what moves it to (done, total)."""
    with tqdm(unit=unit, desc=name, total=total, disable=hidden or None) as bar:  # None: on a terminal only

        def advance(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield advance
