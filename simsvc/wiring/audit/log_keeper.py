"""The thread that signs checkpoints of the log, in each worker of the server and in the batch worker."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from simsvc.adapters.ops.ending_thread import EndingThread
from simsvc.errors import AuditError, LogKeyRefused, SimsvcError
from simsvc.flows.audit.keep_log import LogKeeper

WAKE_S = 15.0
"""Time between two looks at the log, each of which is two short queries."""
DUE_S = 45.0
"""How old the newest checkpoint may get while there are newer events: with `WAKE_S`, a minute."""
STOP_S = 2.0
"""How long a process that ends waits for its last checkpoint; without it, the next start makes it."""

_log = logging.getLogger(__name__)


class LogKeeperThread:
    """Makes checkpoints at start, at least every minute with new events, and at stop.

    Start it after the process forked. Ages are measured by the monotonic clock, so that a clock that is set
    delays nothing.
    """

    def __init__(self, keeper: LogKeeper, clock: Callable[[], float] = time.monotonic) -> None:
        self.problem: SimsvcError | None = None
        """Why no checkpoint can be made, or None."""
        self._keeper, self._clock = keeper, clock
        self._thread = EndingThread("log-keeper", self._run)
        self._seen_size, self._seen_at = 0, clock()

    def start(self) -> None:
        """Start the thread, unless it runs."""
        self._thread.start()

    def stop(self, patience_s: float = STOP_S) -> None:
        """Have the last checkpoint made, and wait for it no longer than `patience_s`."""
        self._thread.stop(patience_s)

    def round(self, *, at_once: bool = False) -> None:
        """Make a checkpoint if it is due, or `at_once` if there are new events; note why it cannot be."""
        try:
            if at_once or self._is_due():
                self._keeper.checkpoint(patience_s=0)
            self.problem = None
        except AuditError as error:
            if error.reason != "busy":  # else another process makes it just now
                self._note(error)
        except SimsvcError as error:
            self._note(error)
        except Exception:
            _log.exception("no checkpoint of the log can be made")
            self.problem = LogKeyRefused("unforeseen")

    def _run(self, ending: threading.Event) -> None:
        self.round(at_once=True)
        while not ending.wait(WAKE_S):
            self.round()
        self.round(at_once=True)

    def _is_due(self) -> bool:
        """Return whether events wait, and the newest checkpoint has been the newest for too long."""
        status = self._keeper.status()
        size = status.checkpoint.size if status.checkpoint else 0
        if size != self._seen_size:
            self._seen_size, self._seen_at = size, self._clock()
        waiting = self._clock() - self._seen_at >= DUE_S
        return self.problem is not None or (status.unsigned > 0 and waiting)

    def _note(self, problem: SimsvcError) -> None:
        if self.problem is None or problem.sentence != self.problem.sentence:
            _log.error("%s", problem.sentence)
        self.problem = problem
