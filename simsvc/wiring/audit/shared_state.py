"""The state of the log on one host, changed in turn with the other hosts that sign."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simsvc.adapters.ops.log_state import PATIENCE_S, LogStateFile
from simsvc.errors import LogKeyRefused
from simsvc.store.turns import SIGNING, Turns


class SharedLogState(LogStateFile):
    """The file of this host; its lock keeps other hosts from signing, too."""

    def __init__(self, folder: Path, turns: Turns) -> None:
        super().__init__(folder)
        self._turns = turns

    @contextmanager
    def lock(self, patience_s: float = PATIENCE_S) -> Iterator[None]:
        """Hold the lock.

        Raises:
            LogKeyRefused: another process holds it longer than `patience_s`, or the folder is not writable.
            StoreError: the database cannot be used.
        """
        with super().lock(patience_s), self._turns.taken(SIGNING, patience_s) as mine:
            if not mine:
                raise LogKeyRefused("busy")
            yield
