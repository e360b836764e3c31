"""This host among those that share its database."""

from __future__ import annotations

import hashlib
import hmac
import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from simsvc.adapters.ops.ending_thread import EndingThread
from simsvc.domain.hosts import problem_of
from simsvc.errors import HostRefused, SimsvcError, StoreError
from simsvc.store.database import Database
from simsvc.store.hosts import HostStore
from simsvc.values.hosts import Host

BEAT_S = 10.0
"""How often a host says that it is live: one transaction of some 2 ms."""
ID_CHARACTERS = 16
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_log = logging.getLogger(__name__)


class HostWatch:
    """Says that this host is live, and whether it may answer; does nothing where no database is shared.

    A host that differs from those that were there before it does not answer; those go on.
    """

    def __init__(self, database: Database, me: Callable[[], Host], now: Callable[[], datetime]) -> None:
        self._database, self._store, self._me, self._now = database, HostStore(database), me, now
        self._thread = EndingThread("host-watch", self._run)
        self._beating = threading.Lock()
        self._beat_s: float | None = None
        self._problem: HostRefused | None = None

    @property
    def is_set(self) -> bool:
        """Whether other hosts may share the database."""
        return self._database.is_shared

    def start(self) -> None:
        """Say from now on that this host is live; call it after a fork."""
        if self.is_set:
            self._thread.start()

    def stop(self, patience_s: float) -> None:
        """Say it no longer; other processes of the host still may."""
        self._thread.stop(patience_s)

    def require(self) -> None:
        """Raise HostRefused if this host may not answer beside the others; StoreError if nobody knows."""
        if not self.is_set:
            return
        if self._beat_s is None or time.monotonic() - self._beat_s > 2 * BEAT_S:
            self.beat()
        if self._problem is not None:
            raise self._problem.with_traceback(None)

    def beat(self) -> None:
        """Say that this host is live, and see whether it may answer.

        Raises:
            StoreError: the database cannot be used.
            SettingsError: the session key cannot be read.
        """
        with self._beating:
            me, asked_s = self._me(), time.monotonic()
            met = self._store.meet(me)
            slack = timedelta(seconds=time.monotonic() - asked_s)
            problem = problem_of(me, met.earlier, _beyond(self._now() - met.database_at, slack))
            if problem is not None and str(problem.message) != str(self._problem and self._problem.message):
                _log.error("%s", problem.sentence)
            self._problem, self._beat_s = problem, time.monotonic()

    def _run(self, ending: threading.Event) -> None:
        while True:
            try:
                self.beat()
            except StoreError as error:  # requests say so, too
                _log.warning("this host cannot say that it is live: %s", error.sentence)
            except SimsvcError as error:
                _log.error("this host cannot say that it is live: %s", error.sentence)
            except Exception:  # the thread has to live as long as its process
                _log.exception("this host cannot say that it is live")
            if ending.wait(BEAT_S):
                return


def _beyond(skew: timedelta, slack: timedelta) -> timedelta:
    """Return what is certain of a difference that took so long to measure."""
    sure = max(timedelta(), abs(skew) - slack)
    return sure if skew > timedelta() else -sure


def host_id(name: str, folder: Path, boot: str) -> str:
    """Return the id of an installation: its host's name and folder, and what differs between machines."""
    return hashlib.sha256(f"{name}\0{folder.resolve()}\0{boot}".encode()).hexdigest()[:ID_CHARACTERS]


@cache
def boot_id() -> str:
    """Return what no other running machine has, or "" where the system says nothing of the kind.

    Source: Linux, random(4).
    """
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""


def key_digest(secret_key: str) -> str:
    """Return what tells apart session keys, and nothing about them."""
    return hmac.digest(secret_key.encode(), b"simsvc: hosts", "sha256").hex()[:ID_CHARACTERS]
