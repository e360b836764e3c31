"""Reads on their way into the log: written by a thread, so that no page waits for the disk."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from simsvc.errors import ReadsNotLogged, SimsvcError, StoreError
from simsvc.values.audit.reads import Read

EVERY_S = 0.5
"""Between two transactions: a killed process loses the reads of half a second at most, and a busy office
costs two small transactions a second."""
MOST_WAITING = 10_000
"""Reads that wait while the database cannot be written: some 5 MB, and minutes of a busy office."""
MOST_AT_ONCE = 500
"""Reads of one transaction, which keeps other writers out for some 0.1 s."""
PATIENCE_S = 2.0
"""How long an answer waits for room, or for its event where that is required."""
CLOSING_S = 10.0
"""How long the end of a process waits for the last transaction; gunicorn gives a worker 30 s."""

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Waiting:
    """A read on its way; `done` once it is out of the queue, `logged` if it is in the log."""

    read: Read
    done: bool = False
    logged: bool = False


class ReadQueue:
    """Takes reads and writes all that wait in one transaction, at most every half second.

    Nothing runs before the first read, so that it can be made before a process forks. While the database
    cannot be written, reads wait and are written later; `write` must be all or nothing.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Read]], None],
        *,
        required: bool = False,
        lost: Callable[[int], None] = lambda _count: None,
        most: int = MOST_WAITING,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Take what writes reads, raising StoreError while it cannot.

        Args:
            write: writes reads in one transaction.
            required: whether a read must be in the log before it is answered.
            lost: is told of reads that will never be in the log.
            most: reads that may wait.
            patience_s: how long an answer may wait.
        """
        self._write, self._required, self._lost = write, required, lost
        self._most, self._patience_s = most, patience_s
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._urged = threading.Condition(self._lock)
        self._taken_out = threading.Condition(self._lock)
        self._waiting: deque[_Waiting] = deque()
        self._hurries = 0
        self._closing = False
        self._thread: threading.Thread | None = None
        self._problem: SimsvcError | None = None

    def note(self, read: Read) -> None:
        """Have a read written. Without room, wait for some; if there is none then, the read is lost.

        Raises:
            ReadsNotLogged: it is required, and the read was not written in time.
        """
        entry, end_s = _Waiting(read), time.monotonic() + self._patience_s
        with self._lock:
            self._start()
            if not self._await(lambda: len(self._waiting) < self._most, end_s):
                self._lost(1)
                if self._required:
                    raise ReadsNotLogged()
                return
            self._waiting.append(entry)
            self._arrived.notify()  # a pause goes on: to wake the thread for nothing would slow the answer
            if self._required:
                self._hurry(lambda: entry.done, end_s)
                self._refuse_unless_logged(entry)

    def flush(self, patience_s: float = CLOSING_S) -> bool:
        """Write what waits now; return whether all of it was written in time."""
        end_s = time.monotonic() + patience_s
        with self._lock:
            entries = list(self._waiting)
            return self._hurry(lambda: all(entry.done for entry in entries), end_s)

    def close(self) -> None:
        """Write what waits, and end the thread; what cannot be written is lost."""
        with self._lock:
            self._closing = True
            self._arrived.notify()
            self._urged.notify()
            thread = self._thread
        if thread is not None:
            thread.join(CLOSING_S)

    @property
    def waiting(self) -> int:
        """Return how many reads wait to be written."""
        return len(self._waiting)

    @property
    def problem(self) -> SimsvcError | None:
        """Return why reads cannot be written, or None while they are."""
        return self._problem

    def _start(self) -> None:
        if self._thread is None:
            self._closing = False
            self._thread = threading.Thread(target=self._run, name="reads", daemon=True)
            self._thread.start()
            atexit.unregister(self.close)
            atexit.register(self.close)

    def _refuse_unless_logged(self, entry: _Waiting) -> None:
        if entry.logged:
            return
        if not entry.done:
            self._waiting.remove(entry)
        raise ReadsNotLogged()

    def _await(self, reached: Callable[[], bool], end_s: float) -> bool:
        return self._taken_out.wait_for(reached, max(0.0, end_s - time.monotonic()))

    def _hurry(self, reached: Callable[[], bool], end_s: float) -> bool:
        """Wait for something, and meanwhile leave no pauses between transactions that succeed."""
        self._hurries += 1
        self._urged.notify()
        try:
            return self._await(reached, end_s)
        finally:
            self._hurries -= 1

    def _run(self) -> None:
        while True:
            with self._lock:
                pause_s = EVERY_S if self._problem else None  # then an empty write shows when that is over
                self._arrived.wait_for(lambda: self._waiting or self._closing, pause_s)
                entries = list(islice(self._waiting, MOST_AT_ONCE))
            done = self._written(entries)
            with self._lock:
                if self._closing and not (done and self._waiting):
                    self._give_up()
                    return
                urgent = self._is_closing_or_hurried if done else self._is_closing
                self._urged.wait_for(urgent, EVERY_S)

    def _is_closing(self) -> bool:
        return self._closing

    def _is_closing_or_hurried(self) -> bool:
        return self._closing or bool(self._hurries and self._waiting)

    def _written(self, entries: Sequence[_Waiting]) -> bool:
        """Write reads and say whether that went well; of what no database takes, the rest is written."""
        try:
            if entries or self._problem:
                self._write([entry.read for entry in entries])
        except StoreError as error:
            self._fail(error)
            return False
        except Exception:
            if len(entries) > 1:
                return all(self._written([entry]) for entry in entries)
            _log.exception("a read could not be logged, and never will be")
            self._lost(1)
            self._take_out(entries, logged=False)
        else:
            self._take_out(entries, logged=True)
        return True

    def _take_out(self, entries: Sequence[_Waiting], *, logged: bool) -> None:
        with self._lock:
            if self._problem is not None:
                _log.warning("reads are logged again")
            self._problem = None
            for entry in entries:
                entry.done, entry.logged = True, logged
            while self._waiting and self._waiting[0].done:
                self._waiting.popleft()
            self._taken_out.notify_all()

    def _fail(self, error: SimsvcError) -> None:
        if self._problem is None:
            _log.warning("reads cannot be logged and wait in memory: %s", error.sentence)
        self._problem = error

    def _give_up(self) -> None:
        if self._waiting:
            _log.error("%s reads were not logged before the process ended", len(self._waiting))
            self._lost(len(self._waiting))
            self._waiting.clear()
        self._thread = None


class NoReadLog:
    """Logs no reads, for tests that count events."""

    waiting = 0
    problem: SimsvcError | None = None

    def note(self, read: Read) -> None:
        """Forget a read."""

    def flush(self, patience_s: float = 0.0) -> bool:
        """Have nothing to write."""
        del patience_s
        return True

    def close(self) -> None:
        """Have nothing to end."""
