"""The loop of a batch worker: the next waiting photo, periodic work, or a pause."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Protocol

from simsvc.errors import SimsvcError
from simsvc.flows.estimates.batch import Turn

NOTICE_S = 1.0
"""Longest time until an idle worker sees a new batch."""
HELD_S = 10.0
"""How long a batch that cannot be processed waits, for example because its model is missing, while others go
on: an attempt opens a model or a file, which may be what fails."""
PERIOD_S = 60.0

_log = logging.getLogger(__name__)


class Stop(Protocol):
    """Tells a worker to stop."""

    def is_set(self) -> bool:
        """Say whether to stop."""

    def wait(self, timeout: float) -> bool:
        """Wait until told to stop, or for so many seconds; say which."""


@dataclass(slots=True)
class BatchWork:
    """Dependencies of a batch worker.

    Attributes:
        begin: called once before the first photo, and again if it fails.
        judge_next: judges a photo of the batch next to that of a number, without batches of these numbers.
        every_minute: called at the start and each minute, between photos; one that fails is logged.
        clock: seconds of a clock that is never set.
    """

    begin: Callable[[], object]
    judge_next: Callable[[int, Collection[int]], Turn | None]
    every_minute: Collection[Callable[[], object]] = ()
    clock: Callable[[], float] = time.monotonic
    _has_begun: bool = False
    _last: int = 0
    _due_s: float = float("-inf")
    _held: dict[int, float] = field(default_factory=dict)
    _problems: dict[object, str] = field(default_factory=dict)

    def run(self, stop: Stop) -> None:
        """Judge one photo after another until told to stop, and wait where there is none.

        Whatever fails is logged and tried again: the worker outlives the database.
        """
        while not stop.is_set():
            if not (self._succeeds(self._begin) and self._look_after(stop) and self._succeeds(self._turn)):
                stop.wait(NOTICE_S)

    def _begin(self) -> bool:
        if not self._has_begun:
            self.begin()
            self._has_begun = True
        return True

    def _look_after(self, stop: Stop) -> bool:
        """Do what is due; False if told to stop meanwhile."""
        if self.clock() >= self._due_s:
            self._due_s = self.clock() + PERIOD_S
            for work in self.every_minute:
                self._succeeds(work)
        return not stop.is_set()

    def _turn(self) -> bool:
        """Take a turn; False if nothing could be done."""
        now_s = self.clock()
        self._held = {number: until_s for number, until_s in self._held.items() if until_s > now_s}
        turn = self.judge_next(self._last, self._held)
        self._last = turn.number if turn else 0
        if turn and not turn.goes_on:
            self._held[turn.number] = now_s + HELD_S
        return turn is not None

    def _succeeds(self, work: Callable[[], object]) -> bool:
        """Call something, and return whether it returned anything but False; a problem is logged once."""
        try:
            went = work() is not False
        except SimsvcError as error:
            if error.sentence != self._problems.get(work):
                _log.error("the batch worker waits: %s", error.sentence)
            self._problems[work] = error.sentence
            return False
        except Exception:  # a bug: the next photos must not wait for a fix
            _log.exception("the batch worker failed")
            return False
        self._problems.pop(work, None)
        return went
