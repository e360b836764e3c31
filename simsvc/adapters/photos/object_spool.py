"""Waiting photos of batches in an object store, so that workers of every host can estimate them.

waiting/<batch>/<position>
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from simsvc.adapters.photos.batch_spool import BATCH_PATTERN
from simsvc.errors import ObjectMissing, ObjectsUnavailable
from simsvc.ports import ObjectStore

PREFIX = "waiting"
FORGOTTEN_AFTER = timedelta(hours=1)
"""Age of the newest photo of a batch that is not on record: slow uploads send a photo every few seconds, and
no lock of one host could tell the others of an upload."""

_log = logging.getLogger(__name__)


class ObjectSpool:
    """One object a photo."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def check(self) -> None:
        """Raise ObjectsUnavailable if photos could not be deleted now."""
        self._objects.check()

    @contextmanager
    def filling(self, batch_id: str) -> Iterator[None]:
        """Delete the photos of an upload that fails."""
        _prefix(batch_id)
        try:
            yield
        except BaseException:
            self.clear(batch_id)
            raise

    def put(self, batch_id: str, position: int, data: bytes) -> None:
        """Store a photo; raises ObjectsUnavailable."""
        self._objects.put(_key(batch_id, position), data)

    def get(self, batch_id: str, position: int) -> bytes | None:
        """Return a waiting photo, or None if it is gone; raises ObjectsUnavailable."""
        try:
            return self._objects.get(_key(batch_id, position))
        except ObjectMissing:
            return None

    def drop(self, batch_id: str, position: int) -> None:
        """Delete a photo; where that fails, it is deleted with its batch."""
        try:
            self._objects.delete(_key(batch_id, position))
        except ObjectsUnavailable as error:
            _log.error("photo %s of batch %s is deleted later: %s", position, batch_id, error.sentence)

    def clear(self, batch_id: str) -> None:
        """Delete all photos of a batch; where that fails, `sweep` does."""
        try:
            self._objects.delete_all(_prefix(batch_id))
        except ObjectsUnavailable as error:
            _log.error("photos of batch %s are deleted later: %s", batch_id, error.sentence)

    def sweep(self, known: Callable[[], Collection[str]], now: datetime) -> None:
        """Delete photos of failed uploads and of batches not `known`, a set read after the listing."""
        try:
            newest = self._newest()
        except ObjectsUnavailable as error:
            _log.error("leftover photos are looked for later: %s", error.sentence)
            return
        forgotten = [batch for batch, modified in newest.items() if now - modified > FORGOTTEN_AFTER]
        waiting = set(known()) if forgotten else set()
        for batch_id in forgotten:
            if batch_id not in waiting:
                self.clear(batch_id)

    def _newest(self) -> dict[str, datetime]:
        """Return when the newest photo of each batch was stored."""
        newest: dict[str, datetime] = {}
        for facts in self._objects.keys(PREFIX):
            batch_id = facts.key.split("/")[1]
            if BATCH_PATTERN.fullmatch(batch_id):
                newest[batch_id] = max(newest.get(batch_id, facts.modified), facts.modified)
        return newest


def _prefix(batch_id: str) -> str:
    if not BATCH_PATTERN.fullmatch(batch_id):
        raise ValueError(f"{batch_id!r} is no id of a batch")
    return f"{PREFIX}/{batch_id}"


def _key(batch_id: str, position: int) -> str:
    return f"{_prefix(batch_id)}/{position:06d}"
