"""A process that works until it is told to stop, in a child that is replaced if it dies."""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable

GENTLE = 10
"""Niceness of the process, so that interactive requests come first."""
PAUSE_S = 1.0
"""Before a child is replaced, so that one that cannot run at all costs little."""
LOOK_EVERY_S = 0.25
"""How often a waiting process looks whether to stop, or its child has ended."""
HOST_CHARACTERS = 40
PR_SET_PDEATHSIG = 1
"""Source: Linux, prctl(2)."""

_log = logging.getLogger(__name__)


class StopSignal:
    """Set by SIGTERM or SIGINT. A forked process inherits it, and its handlers."""

    def __init__(self) -> None:
        self._is_set = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._set)

    def is_set(self) -> bool:
        """Say whether this process was told to stop."""
        return self._is_set

    def wait(self, timeout: float) -> bool:
        """Wait until told to stop, or for so many seconds; say which.

        In steps: an event would wait in C, and a handler that sets it may interrupt what holds its lock.
        """
        end_s = time.monotonic() + timeout
        while not self._is_set and (left_s := end_s - time.monotonic()) > 0:
            time.sleep(min(left_s, LOOK_EVERY_S))
        return self._is_set

    def _set(self, *_: object) -> None:
        self._is_set = True


def worker_name() -> str:
    """Return a name that no other process on any host has, in at most 64 characters."""
    return f"{socket.gethostname()[:HOST_CHARACTERS]}:{os.getpid()}:{secrets.token_hex(4)}"


def work(run: Callable[[StopSignal], None], pause_s: float = PAUSE_S) -> None:
    """Run a function in a child until SIGTERM or SIGINT; the child is told, and may finish what it does.

    A child that dies is replaced, and it dies with this process. Call it in the main thread.
    """
    os.nice(GENTLE)
    stop, context = StopSignal(), multiprocessing.get_context("fork")
    while not stop.is_set():
        child = context.Process(target=_child, args=(run, stop, os.getpid()), daemon=True)
        child.start()
        while child.is_alive() and not stop.is_set():
            child.join(LOOK_EVERY_S)
        if stop.is_set():
            while child.is_alive():  # Python forgets a signal that comes while a process is being forked
                child.terminate()
                child.join(LOOK_EVERY_S)
            return
        _log.error("the process that judges batches has died (%s); another one takes over", child.exitcode)
        stop.wait(pause_s)


def _child(run: Callable[[StopSignal], None], stop: StopSignal, parent: int) -> None:
    end_with_parent(signal.SIGKILL)
    if os.getppid() == parent:  # else it ended before this process could be told
        run(stop)


def end_with_parent(with_signal: signal.Signals = signal.SIGTERM) -> None:
    """Have Linux signal this process when its parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, with_signal)
