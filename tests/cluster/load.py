"""Eight clients that ask for estimates while the timetable runs, whatever becomes of the hosts meanwhile."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from tests.cluster.site import bearer
from tests.small_site import drawn_photo
from tests.stress.writers import PHOTOS, Outcome, ask_until_answered

CLIENTS = 8
STEP_S = 6.0
"""Within which two thirds of a step's share are asked for, if the service is as fast as that."""
PAUSE_S = 0.05
ANSWER_S = 12.0
"""How long a client waits for an answer before it asks again: less than gunicorn lets a request take."""


@dataclass
class Load:
    """The clients, from when they start.

    Attributes:
        bind: of the proxy.
        token: of the clients.
        estimates: to ask for.
        steps: of the timetable, over which they are spread evenly.
        outcome: what became of it.
    """

    bind: str
    token: str
    estimates: int
    steps: int
    outcome: Outcome = field(default_factory=Outcome)
    _threads: list[threading.Thread] = field(default_factory=list)
    _step: int = 0
    _since_s: float = 0.0

    def begin_step(self) -> None:
        """Let the clients ask for one step's share, and for all that is left once the steps are over."""
        self._step, self._since_s = self._step + 1, time.monotonic()

    def start(self) -> None:
        """Begin to ask."""
        photos = [drawn_photo(2000 + number) for number in range(PHOTOS)]
        for client in range(CLIENTS):
            self._threads.append(threading.Thread(target=self._ask, args=(client, photos), daemon=True))
        for thread in self._threads:
            thread.start()

    def wait(self) -> None:
        """Wait until everything is answered."""
        for thread in self._threads:
            thread.join()

    def answers_since(self, moment_s: float) -> bool:
        """Return whether an answer came since a moment, or none is to come any more."""
        ended = not any(thread.is_alive() for thread in self._threads)
        return ended or self.outcome.times_s[-1:] > [moment_s]

    def longest_gap_s(self, since_s: float, until_s: float) -> float:
        """Return the longest time between two answers, of any clients, within a time."""
        times_s = sorted(each for each in list(self.outcome.times_s) if since_s <= each <= until_s)
        moments_s = [since_s, *times_s, until_s]
        return max(later - earlier for earlier, later in pairwise(moments_s))

    def _ask(self, client: int, photos: list[bytes]) -> None:
        headers = bearer(self.token)
        for number in range(client, self.estimates, CLIENTS):
            while number >= self._allowed():
                time.sleep(PAUSE_S)
            photo = photos[number % len(photos)]
            if not ask_until_answered(self.bind, number, photo, headers, self.outcome, ANSWER_S):
                return

    def _allowed(self) -> float:
        if self._step > self.steps:
            return self.estimates
        if not self._step:
            return 0.0
        within = 1.0 - math.exp((self._since_s - time.monotonic()) / STEP_S)  # never all of it
        return self.estimates * (self._step - 1 + within) / self.steps


def in_background(work: Callable[[threading.Event], None]) -> Callable[[], None]:
    """Run something beside the load, and return what tells it to end and waits for that."""
    ending = threading.Event()
    thread = threading.Thread(target=work, args=(ending,), daemon=True)
    thread.start()

    def end() -> None:
        ending.set()
        thread.join()

    return end
