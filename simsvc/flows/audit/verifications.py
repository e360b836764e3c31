"""Verify the log in the background, one run at a time, and record what was found."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from simsvc.errors import StoreError, VerificationRefused
from simsvc.flows.audit.verify_log import Snapshot, verify
from simsvc.ports import VerificationBook
from simsvc.values.audit.log import NOTHING_OUTSIDE, Outside
from simsvc.values.events import LogState, Verification

STALLED = timedelta(seconds=60)
"""A run that reported nothing for so long was stopped with its process. A page of 200 events takes some 0.1 s
(`make bench`), and a writer waits at most 15 s for others."""
PAUSE = timedelta(seconds=30)
"""Time between two runs: each reads the whole log, and nobody needs it more often."""
REPORT_EVERY = timedelta(seconds=0.5)
"""Time between two reports of progress: each is a transaction."""

_log = logging.getLogger(__name__)


def in_thread(work: Callable[[], None]) -> None:
    """Run work in a thread that does not keep its process alive."""
    threading.Thread(target=work, name="verify-log", daemon=True).start()


@dataclass(frozen=True, slots=True)
class Verifier:
    """Dependencies of verifications.

    Attributes:
        snapshot: returns the log and its records at one instant.
        background: runs work without waiting for it.
        outside: returns what is known of the log from outside the database.
    """

    snapshot: Callable[[], AbstractContextManager[Snapshot]]
    book: VerificationBook
    now: Callable[[], datetime]
    background: Callable[[Callable[[], None]], None] = in_thread
    outside: Callable[[], Outside] = lambda: NOTHING_OUTSIDE

    def start(self, actor: str) -> None:
        """Start a verification in the background.

        Raises VerificationRefused if one is running, or finished moments ago; StoreError.
        """
        latest, now = self.book.latest(), self.now()
        if latest and is_running(latest, now):
            raise VerificationRefused("running")
        if latest and latest.finished_at and now - latest.finished_at < PAUSE:
            left = PAUSE - (now - latest.finished_at)
            raise VerificationRefused("recent", seconds=math.ceil(left.total_seconds()))
        number = latest.number + 1 if latest else 1
        self.book.begin(number, actor, now)
        self.background(lambda: self._run(number, actor))

    def note(self, found: LogState, actor: str) -> None:
        """Record a verification that was done elsewhere; raises StoreError."""
        latest, now = self.book.latest(), self.now()
        number = latest.number + 1 if latest else 1
        self.book.begin(number, actor, now)
        self.book.finish(number, actor, found, now)

    def _run(self, number: int, actor: str) -> None:
        reported = self.now()

        def report(done: int, total: int) -> None:
            nonlocal reported
            now = self.now()
            if now - reported >= REPORT_EVERY:
                reported = now
                self.book.advance(number, done, total, now)

        try:
            outside = self.outside()  # first: it is never newer than the log
            with self.snapshot() as snapshot:
                found = LogState.of(verify(snapshot, report, outside=outside))
            self.book.finish(number, actor, found, self.now())
        except Exception:
            _log.exception("verification %d of the log failed", number)
            self._give_up(number)

    def _give_up(self, number: int) -> None:
        try:
            self.book.fail(number, self.now())
        except StoreError:
            _log.error("verification %d of the log cannot be marked as failed", number)


def is_running(verification: Verification, now: datetime) -> bool:
    """Return whether a verification is still running, as far as its reports tell."""
    return verification.finished_at is None and now - verification.seen_at < STALLED
