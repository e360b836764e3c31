"""The batch queue: Huey on a SQLite file, with IDs as JSON and no pickle.

The database is the source of truth. The queue may lose everything at any time: starting workers, and idle
ones every minute, queue the unfinished batches again.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from huey import SqliteHuey, crontab
from huey.registry import Message
from huey.serializer import Serializer

GENTLE = 10
"""Niceness of the worker, so that interactive requests come first."""
NOTICE_S = 1.0
"""Longest time until an idle worker sees a new batch."""
HEALTH_EVERY_S = 5
"""How often a dead worker process is replaced."""
PR_SET_PDEATHSIG = 1
"""Source: Linux, prctl(2)."""


class JsonMessages(Serializer):  # type: ignore[misc]  # Huey has no types
    """Writes a queued call as a JSON list in place of Huey's pickle."""

    def _serialize(self, data: Any) -> bytes:
        return json.dumps(list(data)).encode()

    def _deserialize(self, data: bytes) -> Any:
        return Message(*json.loads(bytes(data)))


class BatchQueue:
    """Queue of batches, one photo of each in turn."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._huey = SqliteHuey(
            "batches", filename=str(file), results=False, serializer=JsonMessages(), utc=True
        )
        self._judge: Callable[[str], bool] | None = None
        self._task = self._huey.task(name="judge")(self._turn)

    def put(self, batch_id: str) -> None:
        """Queue a batch."""
        self._task(batch_id)

    def work(
        self,
        judge: Callable[[str], bool],
        unfinished: Callable[[], Iterable[str]],
        every_minute: Callable[[], object],
        around: tuple[Callable[[], object], Callable[[], object]] = (lambda: None, lambda: None),
    ) -> None:
        """Work until stopped. One process handles photos and is replaced if it dies.

        `judge` processes the next photo of a batch and returns whether to continue at once. `every_minute` is
        called between photos, and `around` when this process, which is forked, starts and stops.
        """
        self._judge = judge

        def take_up() -> None:
            self._huey.storage.flush_queue()
            for batch_id in unfinished():
                self.put(batch_id)

        def look_after() -> None:
            if not self._huey.pending_count():
                take_up()

        def do_more() -> None:
            every_minute()

        def begin() -> None:
            around[0]()

        def end() -> None:
            around[1]()

        self._huey.on_startup(name="begin")(begin)
        self._huey.on_shutdown(name="end")(end)
        self._huey.on_startup(name="take up")(take_up)
        self._huey.periodic_task(crontab(minute="*"), name="look after")(look_after)
        self._huey.periodic_task(crontab(minute="*"), name="every minute")(do_more)
        os.nice(GENTLE)
        os.register_at_fork(after_in_child=lambda: end_with_parent(signal.SIGKILL))  # Huey's processes too
        self._huey.create_consumer(
            workers=1,
            worker_type="process",
            max_delay=NOTICE_S,
            health_check_interval=HEALTH_EVERY_S,
            graceful_signal="TERM",
        ).run()

    def _turn(self, batch_id: str) -> None:
        assert self._judge is not None  # noqa: S101 - for mypy; only `work` runs this
        if self._judge(batch_id):
            self.put(batch_id)


def end_with_parent(with_signal: signal.Signals = signal.SIGTERM) -> None:
    """Have Linux signal this process when its parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, with_signal)
