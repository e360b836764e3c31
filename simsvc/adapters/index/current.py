"""The index in service: a small file, replaced atomically and watched by running services."""

from __future__ import annotations

import json
import logging
import os
import threading
from pathlib import Path

from simsvc.adapters.index.annoy_index import AnnoyIndex
from simsvc.adapters.index.files.face_journal import FaceJournal
from simsvc.adapters.index.live_index import LiveIndex
from simsvc.adapters.ops.atomic_files import replace_text
from simsvc.adapters.ops.permissions import shown_path
from simsvc.domain.gallery.manifest import split_label
from simsvc.errors import IndexDamaged, IndexMissing, IndexUnreadable, IndexUnusable

FILE = "current.json"

_log = logging.getLogger(__name__)
_Stamp = tuple[object, object]


def write_current(root: Path, label: str) -> None:
    """Put the build "name/build" into service atomically; raises BuildNotFound if the label is malformed."""
    name, build = split_label(label)
    replace_text(root / FILE, json.dumps({"name": name, "build": build}) + "\n")


def read_current(root: Path) -> str | None:
    """Return the label "name/build" in service, or None; raises IndexDamaged, IndexUnreadable."""
    try:
        document = json.loads((root / FILE).read_text(encoding="utf-8"))
        label = f"{document['name']}/{document['build']}"
        split_label(label)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise IndexUnreadable(file=shown_path(error)) from None
    except (IndexUnusable, KeyError, OSError, TypeError, ValueError):
        raise IndexDamaged("current") from None
    return label


class CurrentIndex:
    """Returns the index in service, following switches and face changes.

    Each call takes two stats. The first caller that sees a switch opens the new build while others use the
    old one. An unusable build is logged, and the last good one stays in service.
    """

    def __init__(self, root: Path, model_sha256: str) -> None:
        self._root = root
        self._pointer = os.fspath(root / FILE)  # joined once instead of per request
        self._model_sha256 = model_sha256
        self._loading = threading.Lock()
        self._journal = FaceJournal(root)
        self._index: LiveIndex | None = None
        self._seen: _Stamp | None = None

    def get(self) -> LiveIndex:
        """Return the index in service.

        Raises IndexMissing if there is no index, IndexDamaged if the only build is unusable,
        IndexModelMismatch if the only build was built with a different model.
        """
        index = self._index
        if index is not None and self._stamp() == self._seen:
            return index
        if not self._loading.acquire(blocking=index is None):
            assert index is not None  # noqa: S101 - for mypy: only then the lock is not waited for
            return index
        try:
            return self._followed()
        finally:
            self._loading.release()

    def _followed(self) -> LiveIndex:
        """Open the build in current.json, unless another thread just did; under the lock."""
        stamp = self._stamp()
        if self._index is None:
            self._index = self._open(None)
        elif stamp != self._seen:
            same = self._seen is not None and stamp[0] == self._seen[0]
            try:
                self._index = self._open(self._index.base if same else None)
            except IndexUnusable as error:
                _log.error("%s stays in service: %s", self._index.label, error.sentence)
        self._seen = stamp
        return self._index

    def _open(self, base: AnnoyIndex | None) -> LiveIndex:
        """Apply the face changes to the build in service, opening it if not given."""
        if base is not None:
            return LiveIndex(base, self._journal.changes())
        label = read_current(self._root)
        if label is None:
            raise IndexMissing()
        index = LiveIndex(AnnoyIndex(self._root / label, self._model_sha256), self._journal.changes())
        _log.info("index %s with %d faces is in service", index.label, index.count)
        return index

    def _stamp(self) -> _Stamp:
        return self._pointer_stamp(), self._journal.stamp()

    def _pointer_stamp(self) -> tuple[int, int, int] | None:
        try:
            stat = os.stat(self._pointer)  # noqa: PTH116 - half the time of Path.stat, on every request
        except OSError:
            return None
        return stat.st_ino, stat.st_mtime_ns, stat.st_size
