"""Photos take turns in a worker: few are judged at once, some wait, one too many is told to come back."""

from __future__ import annotations

import functools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, request

from simsvc.errors import Busy
from simsvc.web.limits import UPLOADS

AT_ONCE = 2
"""Requests that judge at the same time in one worker: one computes while the other writes its record.
They are not gathered into batches: four crops at once take the model 8% less a face (`make bench`), which is
3% of an answer, and the first of them would wait for the last."""
WAITING = 32
"""Requests that wait for their turn in one worker: as many as there are clients in issue 6's load. So many of
some 30 ms are answered within a second."""
THREADS = AT_ONCE + WAITING + 6
"""Of a worker: who waits holds one, and pages and refusals need some besides."""
PATIENCE_S = 20.0
"""After so long in the queue a request is refused too: its client, or a proxy, has given up by then."""
JUDGING = UPLOADS
"""Endpoints that decode photos and run the model, or unpack a ZIP of photos."""


class Turns:
    """Lets a few through at once, in the order in which they came, and bounds how many wait.

    Python's own semaphore gives a place to whoever comes while the one that waits longest is being woken:
    under load, some would wait many times as long as others.
    """

    def __init__(
        self, at_once: int = AT_ONCE, waiting: int = WAITING, patience_s: float = PATIENCE_S
    ) -> None:
        self._lock = threading.Lock()
        self._free = at_once
        self._queue: deque[threading.Lock] = deque()
        self._waiting = waiting
        self._patience_s = patience_s

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, and hold it.

        Raises:
            Busy: too many wait already, or the turn did not come in time.
        """
        mine = self._place()
        if mine is not None and not mine.acquire(timeout=self._patience_s):
            self._leave(mine)
        try:
            yield
        finally:
            self._hand_over()

    def _place(self) -> threading.Lock | None:
        """Take a free turn, or else a place in the queue: a lock that opens when the turn has come."""
        with self._lock:
            if self._free:
                self._free -= 1
                return None
            if len(self._queue) >= self._waiting:
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

    def _hand_over(self) -> None:
        """Give the turn to the one that waits longest; it is free only where nobody waits."""
        with self._lock:
            if self._queue:
                self._queue.popleft().release()
            else:
                self._free += 1


def register(app: Flask, turns: Turns | None = None) -> None:
    """Let the views of `JUDGING` take turns; call it when every blueprint is registered."""
    turns = turns or Turns()
    for endpoint in JUDGING:
        app.view_functions[endpoint] = _in_turn(turns, app.view_functions[endpoint])


def _in_turn(turns: Turns, view: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(view)
    def waits(*args: Any, **kwargs: Any) -> Any:
        _ = request.files  # read before the turn: a slow network holds nobody else up
        with turns.turn():
            return view(*args, **kwargs)

    return waits


def _busy() -> Busy:
    return Busy(
        "Too many photos wait to be judged just now. Try again in a few seconds; nothing was recorded."
    )
