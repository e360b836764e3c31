"""Stream the log to another system: every event in order, at least once, however long a receiver is away."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from simsvc.errors import DeliveryFailed, StoreError
from simsvc.values.events import Event, LoggedEvent

BATCH_EVENTS = 500
"""Events of one request: some 250 KB of JSON without contents."""
PAUSES = (1, 2, 5, 10, 30, 60, 120, 300)
"""Seconds after each failed attempt, the last one from then on. Chosen: a restart of the receiver costs
seconds, and one that is away for long is asked every five minutes."""
POLL_S = 1.0
"""How often a process looks for new events."""

_log = logging.getLogger(__name__)
Outcome = Literal["sent", "idle", "waiting", "busy", "failed"]
"""Of a step: "busy" while another process sends, "waiting" after a failure."""


class State(Protocol):
    """How far the stream is."""

    @property
    def position(self) -> int:
        """Number of the last delivered event."""

    @property
    def failures(self) -> int:
        """Failed attempts since then."""

    @property
    def next_at(self) -> datetime | None:
        """When the next attempt is due."""


class Book(Protocol):
    """Keeps the position. Every method raises StoreError."""

    def state(self) -> State:
        """Return how far the stream is."""

    def claim(self, holder: str, now: datetime) -> State | None:
        """Return the position to continue from, or None if another process is sending."""

    def advance(self, holder: str, position: int, now: datetime) -> bool:
        """Note a delivery; False if another process took over."""

    def postpone(self, holder: str, problem: str, failures: int, next_at: datetime) -> None:
        """Note a failed attempt."""

    def release(self, holder: str) -> None:
        """Let another process continue."""


class Snapshot(Protocol):
    """The log at one instant."""

    def last(self) -> Event | None:
        """Return the last event."""

    def after(self, seq: int | None, count: int) -> list[LoggedEvent]:
        """Return up to `count` events with a higher number."""


@dataclass(frozen=True, slots=True)
class Streamer:
    """Dependencies of the stream.

    Attributes:
        send: delivers events in order; raises DeliveryFailed.
        holder: name of this process, at most 64 characters.
    """

    book: Book
    snapshot: Callable[[], AbstractContextManager[Snapshot]]
    send: Callable[[Sequence[LoggedEvent]], None]
    holder: str
    now: Callable[[], datetime]

    def step(self) -> Outcome:
        """Deliver the next batch, if any and if no other process does; raises StoreError."""
        state = self.book.state()
        with self.snapshot() as snapshot:
            last = snapshot.last()
        if last is None or last.seq <= state.position:
            return "idle"
        if state.next_at is not None and self._is_ahead(state.next_at):
            return "waiting"
        claimed = self.book.claim(self.holder, self.now())
        return "busy" if claimed is None else self._deliver(claimed)

    def run(self, stop: threading.Event) -> None:
        """Deliver events until told to stop, and those logged by then; another process may continue."""
        while not stop.is_set():
            if self._safely() != "sent":
                stop.wait(POLL_S)
        while self._safely() == "sent":
            pass
        try:
            self.book.release(self.holder)
        except StoreError:
            _log.warning("the stream of events is free again only when its lease has expired")

    def _is_ahead(self, at: datetime) -> bool:
        """Return whether a pause lasts until then; one that a clock set back has made longer is over."""
        return timedelta() < at - self.now() <= timedelta(seconds=PAUSES[-1])

    def _safely(self) -> Outcome:
        try:
            return self.step()
        except StoreError as error:
            _log.warning("events cannot be streamed now: %s", error)
            return "failed"
        except Exception:  # the thread has to live as long as its process
            _log.exception("events cannot be streamed")
            return "failed"

    def _deliver(self, state: State) -> Outcome:
        with self.snapshot() as snapshot:
            events = snapshot.after(state.position, BATCH_EVENTS)
        if not events:
            return "idle"
        try:
            self.send(events)
        except DeliveryFailed as failure:
            failures = state.failures + 1
            pause = timedelta(seconds=PAUSES[min(failures, len(PAUSES)) - 1])
            _log.warning("events from %d on, attempt %d: %s", events[0].event.seq, failures, failure)
            self.book.postpone(self.holder, str(failure), failures, self.now() + pause)
            return "failed"
        kept = self.book.advance(self.holder, events[-1].event.seq, self.now())
        return "sent" if kept else "busy"
