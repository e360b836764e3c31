"""Uploaded reference photos that wait for a build: private folders with generated names.

<root>/<id>/import.json     labels and choices
<root>/<id>/state.json      how far it is
<root>/<id>/check.json      what checking found
<root>/<id>/photos/000000   a photo; the client's name is in import.json only
<root>/<id>/faces/000000    its thumbnail, once checked
<root>/<id>/.embedded       embeddings, so that a build does not compute them again
<root>/<id>/.lock           held by the process that checks or builds; it dies with the process
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from simsvc.adapters.ops.atomic_files import replace_text
from simsvc.adapters.ops.disk import FreeDisk, write_failure
from simsvc.domain.gallery.importing import import_documents as documents
from simsvc.errors import ImportBusy, ImportNotFound
from simsvc.values.face_imports import FaceImport, ImportCheck, ImportState

ID_PATTERN = re.compile(r"[0-9a-f]{32}")
LOCK_TRIES, LOCK_PAUSE_S = 5, 0.02
"""A page that only looks whether a lock is held keeps it for microseconds."""
HALF_MADE_AFTER = timedelta(hours=1)
"""Age of a folder without import.json that an upload has left behind."""
EMBEDDED, THUMBNAILS, PHOTOS = ".embedded", "faces", "photos"
Read = TypeVar("Read")


class ImportSpool:
    """One folder for each import."""

    def __init__(self, root: Path, reserve_bytes: int = 0) -> None:
        self.root = root
        self._reserve_bytes = reserve_bytes

    @contextmanager
    def filling(self) -> Iterator[str]:
        """Create a folder and yield its ID; nothing is left if the upload fails.

        Raises BatchUnwritable if it cannot be created.
        """
        import_id = uuid.uuid4().hex
        try:
            (self._folder(import_id) / PHOTOS).mkdir(parents=True, mode=0o700)
        except OSError as error:
            raise write_failure(error) from None
        try:
            yield import_id
        except BaseException:
            self.delete(import_id)
            raise

    def put(self, import_id: str, position: int, data: bytes) -> None:
        """Store a photo; raises DiskReserve or BatchUnwritable if there is no room."""
        path = self.photo(import_id, position)
        try:
            FreeDisk(path.parent, self._reserve_bytes).check(len(data))
            path.write_bytes(data)
        except OSError as error:
            raise write_failure(error) from None

    def photo(self, import_id: str, position: int) -> Path:
        """Return the path of a photo."""
        return self._folder(import_id) / PHOTOS / f"{position:06d}"

    def drop(self, import_id: str, position: int) -> None:
        """Delete a photo."""
        self.photo(import_id, position).unlink(missing_ok=True)

    def embedded(self, import_id: str) -> Path:
        """Return the path of the embeddings."""
        return self._folder(import_id) / EMBEDDED

    def put_thumbnail(self, import_id: str, position: int, jpeg: bytes) -> None:
        """Store the thumbnail of a face; raises BatchUnwritable."""
        folder = self._folder(import_id) / THUMBNAILS
        try:
            folder.mkdir(exist_ok=True, mode=0o700)
            (folder / f"{position:06d}").write_bytes(jpeg)
        except OSError as error:
            raise write_failure(error) from None

    def thumbnail(self, import_id: str, position: int) -> bytes:
        """Return a thumbnail as JPEG; raises ImportNotFound."""
        path = self._folder(import_id) / THUMBNAILS / f"{position:06d}"
        return self._looked_up(path.read_bytes)

    def save(self, upload: FaceImport) -> None:
        """Store labels and choices; raises BatchUnwritable."""
        self._write(upload.id, "import", documents.import_document(upload))

    def find(self, import_id: str) -> FaceImport:
        """Return an import; raises ImportNotFound."""
        return self._read(import_id, "import", documents.read_import)

    def set_state(self, import_id: str, state: ImportState) -> None:
        """Store how far an import is; raises BatchUnwritable."""
        self._write(import_id, "state", documents.state_document(state))

    def state(self, import_id: str) -> ImportState:
        """Return how far an import is; raises ImportNotFound."""
        return self._read(import_id, "state", documents.read_state)

    def set_check(self, import_id: str, check: ImportCheck) -> None:
        """Store what checking found; raises BatchUnwritable."""
        self._write(import_id, "check", documents.check_document(check))

    def check(self, import_id: str) -> ImportCheck:
        """Return what checking found so far."""
        try:
            return self._read(import_id, "check", documents.read_check)
        except ImportNotFound:
            return ImportCheck()

    def all(self) -> list[FaceImport]:
        """Return all imports, newest first."""
        found = []
        for folder in self.root.glob("*"):
            if ID_PATTERN.fullmatch(folder.name):
                with suppress(ImportNotFound):
                    found.append(self.find(folder.name))
        return sorted(found, key=lambda one: one.created_at, reverse=True)

    @contextmanager
    def held(self, import_id: str) -> Iterator[int]:
        """Hold the lock, and yield its file descriptor for a process that takes it over.

        Raises ImportNotFound, or ImportBusy if another process holds it.
        """
        file = self._looked_up(
            lambda: os.open(self._folder(import_id) / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        )
        try:
            _lock(file)
            yield file
        finally:
            os.close(file)

    def is_held(self, import_id: str) -> bool:
        """Return whether a process is at work."""
        try:
            with self.held(import_id):
                return False
        except ImportBusy:
            return True

    def working(self, import_id: str) -> AbstractContextManager[None]:
        """Do nothing: the process has inherited the lock, and holds it until it ends."""
        del import_id
        return nullcontext()

    def clear(self, import_id: str) -> None:
        """Delete everything about the photos, and keep what became of them."""
        folder = self._folder(import_id)
        for name in (PHOTOS, THUMBNAILS):
            shutil.rmtree(folder / name, ignore_errors=True)
        (folder / EMBEDDED).unlink(missing_ok=True)

    def delete(self, import_id: str) -> None:
        """Delete an import."""
        shutil.rmtree(self._folder(import_id), ignore_errors=True)

    def sweep(self, now: datetime, keep: timedelta) -> None:
        """Delete imports that nobody has changed for so long, unless a process is at work on them."""
        for folder in self.root.glob("*"):
            if not ID_PATTERN.fullmatch(folder.name):
                continue
            half_made = not (folder / "import.json").is_file()
            age = now - _changed_at(folder / ("" if half_made else "state.json"), now)
            if age > (HALF_MADE_AFTER if half_made else keep):
                with suppress(ImportNotFound, ImportBusy), self.held(folder.name):
                    self.delete(folder.name)

    def _folder(self, import_id: str) -> Path:
        if not ID_PATTERN.fullmatch(import_id):
            raise ImportNotFound()
        return self.root / import_id

    def _write(self, import_id: str, name: str, document: dict[str, Any]) -> None:
        try:
            replace_text(self._folder(import_id) / f"{name}.json", json.dumps(document))
        except OSError as error:
            raise write_failure(error) from None

    def _read(self, import_id: str, name: str, parse: Callable[[dict[str, Any]], Read]) -> Read:
        """Return a document; one of another version or a damaged one is none."""
        path = self._folder(import_id) / f"{name}.json"
        try:
            return parse(json.loads(self._looked_up(path.read_bytes)))
        except (LookupError, TypeError, ValueError):
            raise ImportNotFound() from None

    def _looked_up(self, read: Callable[[], Read]) -> Read:
        try:
            return read()
        except OSError:
            raise ImportNotFound() from None


def _lock(file: int) -> None:
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(LOCK_PAUSE_S)
        else:
            return
    raise ImportBusy()


def _changed_at(path: Path, now: datetime) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return now
