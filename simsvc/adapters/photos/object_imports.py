"""Uploaded reference photos in an object store, so that every host shows and continues every import.

imports/<id>/...     the files of `import_spool`, without embeddings
imports/<id>/lock    who is at work, and until when; renewed while a process works

The local folder of an import holds its embeddings, and copies of its photos while a process works.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from simsvc.adapters.ops.disk import write_failure
from simsvc.adapters.photos.import_spool import (
    HALF_MADE_AFTER,
    ID_PATTERN,
    PHOTOS,
    THUMBNAILS,
    ImportSpool,
)
from simsvc.errors import ImportBusy, ImportNotFound, ObjectMissing, ObjectsUnavailable, SimsvcError
from simsvc.ports import ObjectStore
from simsvc.values.face_imports import WORKING, FaceImport, ImportState

PREFIX = "imports"
LEASE_S, RENEW_EVERY_S = 60.0, 15.0
"""A process that starts needs some 10 s; a store that is gone for half a minute interrupts no work."""
Read = TypeVar("Read")

_log = logging.getLogger(__name__)


class ObjectImports(ImportSpool):
    """One prefix for each import."""

    def __init__(self, root: Path, objects: ObjectStore) -> None:
        super().__init__(root)
        self._objects = objects

    @contextmanager
    def filling(self) -> Iterator[str]:
        """Yield a new ID; nothing is left if the upload fails."""
        import_id = uuid.uuid4().hex
        try:
            yield import_id
        except BaseException:
            with suppress(ObjectsUnavailable):  # swept later
                self.delete(import_id)
            raise

    def put(self, import_id: str, position: int, data: bytes) -> None:
        """Store a photo; raises ObjectsUnavailable."""
        self._objects.put(_key(import_id, PHOTOS, f"{position:06d}"), data)

    def photo(self, import_id: str, position: int) -> Path:
        """Return the path of a copy of a photo; raises ObjectsUnavailable."""
        path = super().photo(import_id, position)
        if not path.exists():
            try:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._objects.fetch(_key(import_id, PHOTOS, path.name), path)
            except ObjectMissing:
                return path  # which then is missing too
            except OSError as error:
                raise write_failure(error) from None
        return path

    def drop(self, import_id: str, position: int) -> None:
        """Delete a photo; raises ObjectsUnavailable."""
        self._objects.delete(_key(import_id, PHOTOS, f"{position:06d}"))
        super().drop(import_id, position)

    def put_thumbnail(self, import_id: str, position: int, jpeg: bytes) -> None:
        """Store the thumbnail of a face; raises ObjectsUnavailable."""
        self._objects.put(_key(import_id, THUMBNAILS, f"{position:06d}"), jpeg)

    def thumbnail(self, import_id: str, position: int) -> bytes:
        """Return a thumbnail as JPEG; raises ImportNotFound, ObjectsUnavailable."""
        return self._got(_key(import_id, THUMBNAILS, f"{position:06d}"))

    def all(self) -> list[FaceImport]:
        """Return all imports, newest first; raises ObjectsUnavailable."""
        found = []
        for import_id in self._changed_at():
            with suppress(ImportNotFound):
                found.append(self.find(import_id))
        return sorted(found, key=lambda one: one.created_at, reverse=True)

    @contextmanager
    def held(self, import_id: str) -> Iterator[int]:
        """Hold the lock; yield the file descriptor of this host's, for a process that takes it over.

        If a process was started meanwhile, the lock is left to it.

        Raises ImportNotFound, ImportBusy if a process of any host holds it, or ObjectsUnavailable.
        """
        before = self.state(import_id)
        try:
            self._folder(import_id).mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise write_failure(error) from None
        with super().held(import_id) as file:
            self._take(import_id)
            try:
                yield file
            finally:
                self._release(import_id, before)

    def is_held(self, import_id: str) -> bool:
        """Return whether a process of any host is at work; raises ObjectsUnavailable."""
        until_s = self._held_until_s(import_id)
        return until_s is not None and until_s > time.time()

    @contextmanager
    def working(self, import_id: str) -> Iterator[None]:
        """Renew the lock while a process works, and delete its copies of photos at the end."""
        ended = threading.Event()
        self._renew(import_id)
        thread = threading.Thread(target=self._keep_renewing, args=(import_id, ended), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            shutil.rmtree(self._folder(import_id) / PHOTOS, ignore_errors=True)
            with suppress(ObjectsUnavailable):  # the lease ends by itself
                self._objects.delete(_key(import_id, "lock"))

    def clear(self, import_id: str) -> None:
        """Delete everything about the photos, and keep what became of them; raises ObjectsUnavailable."""
        super().clear(import_id)
        for name in (PHOTOS, THUMBNAILS):
            self._objects.delete_all(_key(import_id, name))

    def delete(self, import_id: str) -> None:
        """Delete an import; raises ObjectsUnavailable."""
        self._objects.delete_all(_key(import_id))
        super().delete(import_id)

    def sweep(self, now: datetime, keep: timedelta) -> None:
        """Delete imports that nobody has changed for so long, unless a process is at work on them."""
        try:
            for import_id, (changed_at, is_whole) in self._changed_at().items():
                is_old = now - changed_at > (keep if is_whole else HALF_MADE_AFTER)
                if is_old and not self.is_held(import_id):
                    self.delete(import_id)
            self._sweep_here(set(self._changed_at()))
        except ObjectsUnavailable as error:
            _log.error("old imports are deleted later: %s", error.sentence)

    def _sweep_here(self, standing: set[str]) -> None:
        """Delete embeddings and copies of photos of imports that no longer exist."""
        for folder in self.root.glob("*"):
            if ID_PATTERN.fullmatch(folder.name) and folder.name not in standing:
                shutil.rmtree(folder, ignore_errors=True)

    def _changed_at(self) -> dict[str, tuple[datetime, bool]]:
        """Return when each import changed last, and whether it has its labels."""
        found: dict[str, tuple[datetime, bool]] = {}
        for facts in self._objects.keys(PREFIX):
            _, import_id, *rest = facts.key.split("/")
            if not ID_PATTERN.fullmatch(import_id) or rest == ["lock"]:
                continue
            latest, is_whole = found.get(import_id, (facts.modified, False))
            found[import_id] = max(latest, facts.modified), is_whole or rest == ["import.json"]
        return found

    def _take(self, import_id: str) -> None:
        key, lease = _key(import_id, "lock"), _lease()
        if self._objects.put_new(key, lease):
            return
        if self.is_held(import_id):
            raise ImportBusy()
        self._objects.delete(key)  # of a process that died
        if not self._objects.put_new(key, lease):
            raise ImportBusy()

    def _release(self, import_id: str, before: ImportState) -> None:
        """Delete the lock, unless a process was started, which renews it."""
        try:
            with suppress(ImportNotFound):
                state = self.state(import_id)
                if state.phase in WORKING and state != before:
                    return
            self._objects.delete(_key(import_id, "lock"))
        except SimsvcError as error:  # the lease ends by itself
            _log.error("the lock of import %s ends later: %s", import_id, error.sentence)

    def _held_until_s(self, import_id: str) -> float | None:
        try:
            return float(json.loads(self._objects.get(_key(import_id, "lock")))["until_s"])
        except (LookupError, ObjectMissing, TypeError, ValueError):
            return None

    def _keep_renewing(self, import_id: str, ended: threading.Event) -> None:
        while not ended.wait(RENEW_EVERY_S):
            self._renew(import_id)

    def _renew(self, import_id: str) -> None:
        try:
            self._objects.put(_key(import_id, "lock"), _lease())
        except ObjectsUnavailable as error:
            _log.error("the lock of import %s was not renewed: %s", import_id, error.sentence)

    def _write(self, import_id: str, name: str, document: dict[str, Any]) -> None:
        self._objects.put(_key(import_id, f"{name}.json"), json.dumps(document).encode())

    def _read(self, import_id: str, name: str, parse: Callable[[dict[str, Any]], Read]) -> Read:
        """Return a document; one of another version or a damaged one is none."""
        try:
            return parse(json.loads(self._got(_key(import_id, f"{name}.json"))))
        except (LookupError, TypeError, ValueError):
            raise ImportNotFound() from None

    def _got(self, key: str) -> bytes:
        try:
            return self._objects.get(key)
        except ObjectMissing:
            raise ImportNotFound() from None


def _lease() -> bytes:
    return json.dumps({"until_s": time.time() + LEASE_S, "pid": os.getpid()}).encode()


def _key(import_id: str, *parts: str) -> str:
    if not ID_PATTERN.fullmatch(import_id):
        raise ImportNotFound()
    return "/".join((PREFIX, import_id, *parts))
