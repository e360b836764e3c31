"""Progress bars."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from tqdm import tqdm

PROGRESS_FROM = 10
"""From this many photos on, a progress bar is worth its line."""

EVERY_S = 30.0
"""Seconds between two lines of progress, where there is no terminal to show a bar on."""
_MINUTE_S, _HOUR_S = 60, 3_600


class ProgressLines:
    """Lines of progress for logs, such as a scheduler's: how many are done, the rate and the time left."""

    def __init__(
        self,
        unit: str,
        done: int = 0,
        clock: Callable[[], float] = time.monotonic,
        say: Callable[[str], object] | None = None,
    ) -> None:
        """Start the clock with so many done before; lines go to standard error."""
        self._unit, self._before, self._clock = unit, done, clock
        self._say = say or (lambda line: click.echo(line, err=True))
        self._start = self._said = clock()

    def advance(self, done: int, total: int) -> None:
        """Say how far it is, if the last line is long enough ago."""
        now = self._clock()
        if now - self._said < EVERY_S:
            return
        self._said = now
        rate = (done - self._before) / (now - self._start)
        left = f", {_shown((total - done) / rate)} left" if rate else ""
        self._say(f"{done:,} of {total:,} {self._unit}s, {rate:,.1f} a second{left}")


def is_seen() -> bool:
    """Return whether standard error is a terminal, which shows a bar."""
    return sys.stderr.isatty()


def _shown(seconds: float) -> str:
    if seconds < 2 * _MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < 2 * _HOUR_S:
        return f"{seconds / _MINUTE_S:.0f} min"
    return f"{seconds / _HOUR_S:.1f} h"


@contextmanager
def progress(
    unit: str, name: str | None = None, total: int | None = None, *, hidden: bool = False, lines: bool = False
) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on a terminal, or `lines` elsewhere, and yield what moves it to (done, total)."""
    said = ProgressLines(unit) if lines and not is_seen() else None
    with tqdm(unit=unit, desc=name, total=total, disable=hidden or None) as bar:  # None: on a terminal only

        def advance(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)
            if said is not None:
                said.advance(done, total)

        yield advance
