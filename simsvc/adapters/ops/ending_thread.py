"""A thread that lives as long as its process, and is told when that ends."""

from __future__ import annotations

import threading
from collections.abc import Callable


class EndingThread:
    """Runs a function, which gets the event that is set when it is to end.

    Start it after the process forked.
    """

    def __init__(self, name: str, run: Callable[[threading.Event], None]) -> None:
        self._name, self._run = name, run
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread, unless it runs."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, args=(self._ending,), name=self._name, daemon=True
            )
            self._thread.start()

    def stop(self, patience_s: float) -> None:
        """Tell the thread to end, and wait for it no longer than `patience_s`."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(patience_s)
