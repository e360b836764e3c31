"""One build at a time per index folder."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simsvc.errors import BuildRunning


@contextmanager
def build_lock(root: Path, name: str) -> Iterator[None]:
    """Hold the root's lock, which dies with the process; raises BuildRunning if another process holds it."""
    (root / name).mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BuildRunning() from None
        yield
