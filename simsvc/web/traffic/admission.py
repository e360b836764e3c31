"""Costly requests take turns in a worker: few run at once, some wait, one too many is told to come back."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from flask import Flask, g, make_response, request

from simsvc.errors import Busy
from simsvc.web.traffic.work import Work, of_work

MAX_CONCURRENT = 2
"""Requests that judge at the same time in one worker: one computes while the other writes its record.
They are not gathered into batches: four crops at once take the model 8% less a face (`make bench`), which is
3% of an answer, and the first of them would wait for the last."""
WAITING = 32
"""Requests that wait for their turn in one worker: as many as there are clients in issue 6's load. So many of
some 30 ms are answered within a second."""
QUEUE_TIMEOUT_S = 20.0
"""After so long in the queue a request is refused too: its client, or a proxy, has given up by then."""
LONGEST_S = 10.0
"""Of one turn. Whoever holds it longer goes on, but the next one is let in: nothing that a photo does to a
decoder stops the others. Ours: five times what a photo may take."""
QUEUES: dict[Work, tuple[int, int]] = {
    "judging": (MAX_CONCURRENT, WAITING),
    "walking": (2, 8),
    "taking_in": (1, 4),
    "hashing": (1, 12),
}
"""How many requests of such work run at once, and how many wait. Ours: one of two that walk may have a client
that reads slowly; a password is hashed in some 50 ms and 64 MiB, so that 12 wait for less than a second."""
LIGHT = 8
"""Threads for all other requests, which wait for no turn."""
THREADS = sum(sum(places) for places in QUEUES.values()) + LIGHT
"""Of a worker: who waits holds one."""
LOOK_EVERY_S = 0.5
"""How often who waits looks whether a turn has lasted too long."""
JUDGING = of_work("judging")
"""Endpoints that decode photos or run the model."""

_log = logging.getLogger(__name__)


class Held:
    """A turn that somebody has."""

    def __init__(self, now_s: float) -> None:
        self.since_s = now_s


class AdmissionQueue:
    """Lets a few through at once, in the order in which they came, and bounds how many wait.

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
                raise _busy()
            mine = threading.Lock()
            mine.acquire()
            self._queue.append(mine)
            return mine

    def _leave(self, mine: threading.Lock) -> None:
        """Give the place up, unless the turn came at the last moment."""
        with self._lock:
            if mine in self._queue:
                self._queue.remove(mine)
                raise _busy()

    def _end_the_longest(self) -> None:
        """Let others in for turns that last too long."""
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

    def __init__(self, turns: AdmissionQueue) -> None:
        self._turns = turns
        self._held = turns.take()

    def give_way(self) -> None:
        """Let those that wait come first."""
        self._held = self._turns.give_way(self._held)

    def leave(self) -> None:
        """End the turn."""
        self._turns.give_back(self._held)


class Streamed:
    """An answer that is made while it is sent, and holds its turn until it has been, or is given up."""

    def __init__(self, pieces: Iterable[str] | Iterable[bytes], end: Callable[[], None]) -> None:
        self._pieces = iter(pieces)
        self._close = getattr(pieces, "close", None)
        self._end = end

    def __iter__(self) -> Iterator[Any]:
        return self._pieces

    def close(self) -> None:
        """End the turn."""
        try:
            if self._close is not None:
                self._close()
        finally:
            self._end()

    def __del__(self) -> None:
        self._end()


def register(app: Flask, turns: AdmissionQueue | None = None) -> None:
    """Let costly views take turns, each kind by itself; call it when every blueprint is registered."""
    for work, (at_once, waiting) in QUEUES.items():
        queue = turns or AdmissionQueue(at_once, waiting)
        for endpoint in of_work(work):
            app.view_functions[endpoint] = _in_turn(queue, app.view_functions[endpoint])


def give_way() -> None:
    """Let others have their turn between two photos of one request."""
    place: Place | None = g.get("place")
    if place is not None:
        place.give_way()


def _in_turn(turns: AdmissionQueue, view: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(view)
    def waits(*args: Any, **kwargs: Any) -> Any:
        _ = request.files  # read before the turn: taking a form apart holds nobody else up
        place = g.place = Place(turns)
        try:
            response = make_response(view(*args, **kwargs))
        except BaseException:
            place.leave()
            raise
        if response.is_streamed:
            response.response = cast("Iterable[bytes]", Streamed(response.response, place.leave))
        else:
            place.leave()
        return response

    return waits


def _busy() -> Busy:
    return Busy(
        "Too many requests wait for their turn just now. Try again in a few seconds; nothing was recorded."
    )
