"""The lock that the service and its batch workers share while they run, and that a restore holds alone.

The kernel frees it when the last process that holds it ends, however it ends. Forked processes hold it, too;
a program that is started does not, and takes its own. Source: Linux, flock(2).
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_log = logging.getLogger(__name__)


def share(path: Path) -> int | None:
    """Hold the lock together with others until this process ends, or until the file descriptor is closed.

    Waits for a restore to end. Returns None, with a warning in the log, where the file cannot be locked, such
    as in a read-only folder: nothing can be restored there, either.
    """
    try:
        lock = _opened(path)
    except OSError as error:
        _log.warning("a restore will not notice this process: %s: %s", path, error.strerror)
        return None
    try:
        if not _taken(lock, fcntl.LOCK_SH):
            _log.warning("waiting for a restore to end, which holds %s", path)
            fcntl.flock(lock, fcntl.LOCK_SH)
    except OSError as error:
        os.close(lock)
        _log.warning("a restore will not notice this process: %s: %s", path, error.strerror)
        return None
    return lock


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Hold the lock alone, and say whether no process shares it; does not wait.

    Raises OSError if the file cannot be locked.
    """
    lock = _opened(path)
    try:
        yield _taken(lock, fcntl.LOCK_EX)
    finally:
        os.close(lock)


def _opened(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _taken(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
