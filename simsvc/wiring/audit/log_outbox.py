"""The threads that tell witnesses and stream events, in each worker of the server and the batch worker."""

from __future__ import annotations

import fcntl
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

from simsvc.adapters.ops.ending_thread import EndingThread
from simsvc.errors import SimsvcError
from simsvc.flows.audit.stream_events import Streamer
from simsvc.store.turns import WITNESSING, Turns
from simsvc.wiring.audit.witnesses import WitnessDesk

WAKE_S = 5.0
"""How often a process looks for checkpoints that a witness has not taken: a file and two short queries."""
CHECK_EVERY = timedelta(hours=1)
LAST_S = 2.0
"""How long a process that ends waits for another host that tells the witnesses."""
LOCK_NAME = "witnesses.lock"

_log = logging.getLogger(__name__)


class WitnessThread:
    """Gives every new checkpoint to the witnesses; compares the log with them at start and every hour.

    Of the processes on all machines, one at a time does so. Start it after the process forked.
    """

    def __init__(
        self, desk: WitnessDesk, folder: Path, now: Callable[[], datetime], turns: Turns | None = None
    ) -> None:
        self._turns = turns
        self._desk, self._lock_file, self._now = desk, folder / LOCK_NAME, now
        self._thread = EndingThread("log-witness", self._run)
        self._problem = ""
        self._started_at = self._checked_at = datetime.min.replace(tzinfo=UTC)

    def start(self) -> None:
        """Start the thread, if there are witnesses, unless it runs."""
        if self._desk.is_set:
            self._thread.start()

    def stop(self, patience_s: float) -> None:
        """Have the last checkpoint sent, and wait for it no longer than `patience_s`."""
        self._thread.stop(patience_s)

    def round(self, *, last: bool = False) -> None:
        """Send and compare what is due, unless another process does; the `last` time, wait for that one."""
        try:
            with self._alone(last) as alone:
                if alone:
                    self._desk.send()
                    if self._is_check_due():
                        self._check()
            self._problem = ""
        except SimsvcError as error:
            if error.sentence != self._problem:
                _log.warning("the witnesses get nothing now: %s", error)
            self._problem = error.sentence
        except Exception:  # the thread has to live as long as its process
            _log.exception("the witnesses get nothing now")

    def _run(self, ending: threading.Event) -> None:
        self._started_at = self._now()
        self.round()
        while not ending.wait(WAKE_S):
            self.round()
        self.round(last=True)

    def _is_check_due(self) -> bool:
        """Return whether no process on this machine compared them since this one started, and for an hour."""
        last = self._desk.memory.check()
        at = max(self._checked_at, last.at) if last else self._checked_at
        return at < self._started_at or not timedelta() <= self._now() - at < CHECK_EVERY

    def _check(self) -> None:
        self._checked_at = self._now()
        for sentence in self._desk.check().problems:
            _log.error("%s", sentence)

    @contextmanager
    def _alone(self, wait: bool) -> Iterator[bool]:
        """Hold the locks of this machine and of all, which die with the process; say if they were free."""
        self._lock_file.parent.mkdir(parents=True, exist_ok=True)
        with self._lock_file.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                patience_s = LAST_S if wait else 0.0
                with self._turns.taken(WITNESSING, patience_s) if self._turns else nullcontext(True) as mine:
                    yield mine


class StreamThread:
    """Streams events while the process lives. Start it after the process forked."""

    def __init__(self, streamer: Streamer | None) -> None:
        self._thread = None if streamer is None else EndingThread("log-stream", streamer.run)

    def start(self) -> None:
        """Start the thread, if there is a receiver, unless it runs."""
        if self._thread is not None:
            self._thread.start()

    def stop(self, patience_s: float) -> None:
        """Let the batch at hand be delivered, and wait for it no longer than `patience_s`."""
        if self._thread is not None:
            self._thread.stop(patience_s)
