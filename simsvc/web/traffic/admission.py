"""Costly requests take turns in a worker: few run at once, some wait, one too many is told to come back."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import Flask, g, make_response, request

from simsvc.errors import Busy
from simsvc.web.traffic.work import Work, of_work

MAX_CONCURRENT = 2
"""Requests that judge at the same time in one worker: one computes while the other writes its record.
They are not gathered into batches: four crops at once take the model 8% less a face (`make bench`), which is
3% of an answer, and the first of them would wait for the last."""
WAITING = 32
"""Requests that wait for their turn in one worker: so many of some 30 ms are answered within a second."""
QUEUE_TIMEOUT_S = 20.0
"""A request that waits longer is refused: its client, or a proxy, has given up by then."""
LONGEST_S = 10.0
"""Of one turn. Whoever holds it longer goes on, but the next one is let in: nothing that a photo does to a
decoder stops the others. A photo may take 8 s of processor time, and longer on a busy machine."""
QUEUES: dict[Work, tuple[int, int]] = {
    "judging": (MAX_CONCURRENT, WAITING),
    "walking": (2, 8),
    "taking_in": (1, 4),
    "hashing": (1, 12),
}
"""How many requests of such work run at once, and how many wait. One of two that walk may have a client that
reads slowly; a password is hashed in some 50 ms and 64 MiB, so that 12 wait for less than a second."""
LIGHT = 8
THREADS = sum(sum(places) for places in QUEUES.values()) + LIGHT
"""Of a worker: who waits holds one."""
LOOK_EVERY_S = 0.5
"""How often who waits looks whether a turn has lasted too long."""

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Held:
    """A turn that somebody has."""

    since_s: float


class AdmissionQueue:
    """Lets a few requests through at once, in the order in which they came, and bounds how many wait.

    Python's own semaphore gives a place to whoever comes while the one that waits longest is being woken:
    under load, some would wait many times as long as others.
    """

    def __init__(
        self,
        at_once: int = MAX_CONCURRENT,
        waiting: int = WAITING,
        patience_s: float = QUEUE_TIMEOUT_S,
        longest_s: float = LONGEST_S,
    ) -> None:
        self._lock = threading.Lock()
        self._free = at_once
        self._queue: deque[threading.Lock] = deque()
        self._held: set[Held] = set()
        self._waiting = waiting
        self._patience_s = patience_s
        self._longest_s = longest_s

    @property
    def queue_length(self) -> int:
        """Return how many wait."""
        return len(self._queue)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, and hold it.

        Raises:
            Busy: too many wait already, or the turn did not come in time.
        """
        held = self.take()
        try:
            yield
        finally:
            self.give_back(held)

    def take(self) -> Held:
        """Wait for a turn and return it.

        Raises:
            Busy: too many wait already, or the turn did not come in time.
        """
        return self._wait(self._place(self._waiting), self._patience_s)

    def give_way(self, held: Held) -> Held:
        """Let those that wait come first, and return the next turn, which comes in any case."""
        self.give_back(held)
        return self._wait(self._place(None), float("inf"))

    def give_back(self, held: Held) -> None:
        """End a turn; again, or after it lasted too long, nothing more happens."""
        with self._lock:
            if held in self._held:
                self._held.remove(held)
                self._hand_over()

    def _wait(self, mine: threading.Lock | None, patience_s: float) -> Held:
        end_s = time.monotonic() + patience_s
        while mine is not None and not mine.acquire(
            timeout=max(0.0, min(LOOK_EVERY_S, end_s - time.monotonic()))
        ):
            self._end_the_longest()
            if time.monotonic() >= end_s:
                self._leave(mine)
                break
        held = Held(time.monotonic())
        with self._lock:
            self._held.add(held)
        return held

    def _place(self, most: int | None) -> threading.Lock | None:
        """Take a free turn, or else a place in the queue: a lock that opens when the turn has come."""
        with self._lock:
            if self._free:
                self._free -= 1
                return None
            if most is not None and len(self._queue) >= most:
                raise Busy("queue")
            mine = threading.Lock()
            mine.acquire()
            self._queue.append(mine)
            return mine

    def _leave(self, mine: threading.Lock) -> None:
        """Give the place up, unless the turn came at the last moment."""
        with self._lock:
            if mine in self._queue:
                self._queue.remove(mine)
                raise Busy("queue")

    def _end_the_longest(self) -> None:
        with self._lock:
            for held in [each for each in self._held if time.monotonic() - each.since_s > self._longest_s]:
                self._held.remove(held)
                self._hand_over()
                _log.warning("a turn has lasted longer than %.0f s; the next one is let in", self._longest_s)

    def _hand_over(self) -> None:
        """Give the turn to the one that waits longest; it is free only where nobody waits."""
        if self._queue:
            self._queue.popleft().release()
        else:
            self._free += 1


class Place:
    """The turn of one request, from when it has come until the answer is sent."""

    def __init__(self, queue: AdmissionQueue) -> None:
        self._queue = queue
        self._held = queue.take()

    def give_way(self) -> None:
        """Let those that wait come first."""
        self._held = self._queue.give_way(self._held)

    def leave(self) -> None:
        """End the turn."""
        self._queue.give_back(self._held)


def register(app: Flask, queue: AdmissionQueue | None = None) -> None:
    """Let costly views take turns, each kind by itself; call it when every blueprint is registered."""
    for work, (at_once, waiting) in QUEUES.items():
        places = queue or AdmissionQueue(at_once, waiting)
        for endpoint in of_work(work):
            app.view_functions[endpoint] = _in_turn(places, app.view_functions[endpoint])


def give_way() -> None:
    """Let others have their turn between two photos of one request."""
    place: Place | None = g.get("place")
    if place is not None:
        place.give_way()


def _in_turn(queue: AdmissionQueue, view: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(view)
    def waits(*args: Any, **kwargs: Any) -> Any:
        _ = request.files  # read before the turn: taking a form apart holds nobody else up
        place = g.place = Place(queue)
        try:
            response = make_response(view(*args, **kwargs))
        except BaseException:
            place.leave()
            raise
        if response.is_streamed:
            response.call_on_close(place.leave)  # it is made while it is sent
        else:
            place.leave()
        return response

    return waits
