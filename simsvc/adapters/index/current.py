"""The index in service: a small file, replaced atomically and watched by running services."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from simsvc.adapters.index import changed_files
from simsvc.adapters.index.engines.chosen import open_index
from simsvc.adapters.index.files import manifest as manifests
from simsvc.adapters.index.files.face_journal import FaceJournal
from simsvc.adapters.index.live_index import LiveIndex
from simsvc.adapters.ops.atomic_files import replace_text
from simsvc.adapters.ops.permissions import shown_path
from simsvc.domain.gallery.manifest import split_label
from simsvc.errors import (
    IndexDamaged,
    IndexMissing,
    IndexModelMismatch,
    IndexNotServed,
    IndexUnreadable,
    IndexUnusable,
    StoreError,
)

FILE = "current.json"

_log = logging.getLogger(__name__)
_Stamp = tuple[int, int, int] | None


class _Stamps(NamedTuple):
    """What differs when a file does that decides what is in service; the manifest is the served build's."""

    pointer: _Stamp
    journal: _Stamp
    manifest: _Stamp
    changed: _Stamp


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


class Guard(Protocol):
    """Says which builds may be in service."""

    def check(self, label: str) -> None:
        """Raise IndexNotServed if the build in current.json may not be in service; StoreError."""

    def fallbacks(self) -> Sequence[str]:
        """Return the builds that may take over, best first; raises StoreError."""

    def note_damaged(self, label: str, problem: IndexDamaged) -> None:
        """Log that files of the build in current.json are not as its manifest says."""


class AnyBuild:
    """Lets every build into service."""

    def check(self, label: str) -> None:
        """Accept the build."""

    def fallbacks(self) -> Sequence[str]:
        """Return no builds."""
        return ()

    def note_damaged(self, label: str, problem: IndexDamaged) -> None:
        """Log nothing."""


class CurrentIndex:
    """Returns the index in service, following switches and face changes.

    Each call takes four stats. The first caller that sees a switch opens the new build while others use the
    old one. A build that is unusable, or may not be in service, is logged, and the last good one stays in
    service. A build of which a file changed is dropped: what is mapped has changed with it.
    """

    def __init__(self, root: Path, model_sha256: str, guard: Guard | None = None) -> None:
        self._root = root
        self._pointer = os.fspath(root / FILE)  # joined once instead of per request
        self._changed = os.fspath(root / changed_files.FILE)
        self._manifest = ""
        self._model_sha256 = model_sha256
        self._guard = guard or AnyBuild()
        self._loading = threading.Lock()
        self._journal = FaceJournal(root)
        self._index: LiveIndex | None = None
        self._seen: _Stamps | None = None
        self._failed: tuple[object, IndexUnusable] | None = None
        self.problem: IndexUnusable | None = None
        """Why the build in current.json is not the one in service, or None if it is."""

    def get(self) -> LiveIndex:
        """Return the index in service.

        Raises IndexMissing if there is no index, IndexDamaged if the only build is unusable,
        IndexModelMismatch if the only build was built with a different model, IndexNotServed if no build on
        disk may be in service, StoreError if the log cannot be asked which may.
        """
        index = self._index
        if index is not None and self._stamps() == self._seen:
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
        stamps, index = self._stamps(), self._index
        if index is None or self._seen is None:
            return self._first(stamps)
        if stamps == self._seen:
            return index
        if stamps.changed != self._seen.changed and self._is_changed(index):
            _log.error("%s is no longer in service: a file of it has changed", index.label)
            self._index = None
            return self._first(stamps)
        return self._followed_from(index, stamps, self._seen)

    def _followed_from(self, index: LiveIndex, stamps: _Stamps, seen: _Stamps) -> LiveIndex:
        """Follow changes of current.json, or of faces alone; if that fails, the open build stays."""
        try:
            if stamps._replace(journal=seen.journal) == seen:
                self._index, self._seen = LiveIndex(index.base, self._journal.changes()), stamps
                return self._index
            return self._take(self._follow(index, stamps), stamps)
        except IndexNotServed as error:
            edited = error.reason == "manifest" and error.params["label"] == index.label
            kept = index if edited else self._fallen_back(index) or index  # what is open is as it was logged
            _log.error("%s is in service: %s", kept.label, error.sentence)
            self._take(kept, stamps)
            self.problem = error
            return kept
        except IndexUnusable as error:
            _log.error("%s stays in service: %s", index.label, error.sentence)
            self.problem, self._seen = error, stamps
        except StoreError as error:  # asked again with the next call
            _log.error("%s stays in service: %s", index.label, error.sentence)
        return index

    def _first(self, stamps: _Stamps) -> LiveIndex:
        """Open the build in current.json, or the last one that may be in service in its place."""
        key = (stamps, self._files_stamp())
        if self._failed and self._failed[0] == key:
            raise self._failed[1].with_traceback(None)
        try:
            return self._take(self._follow(None, stamps), stamps)
        except IndexNotServed as error:
            if index := self._fallen_back():
                _log.error("%s is in service: %s", index.label, error.sentence)
                self._take(index, stamps)
                self.problem = error
                return index
            self._failed = key, error
            raise
        except (IndexDamaged, IndexModelMismatch) as error:
            self._failed = key, error
            raise

    def _fallen_back(self, index: LiveIndex | None = None) -> LiveIndex | None:
        """Return the best build that may take over, as it is open if it is that one; None without any."""
        for label in self._guard.fallbacks():
            try:
                return index if index and index.label == label else self._opened(label)
            except IndexUnusable as error:
                _log.warning("%s cannot take over: %s", label, error.sentence)
        return None

    def _take(self, index: LiveIndex, stamps: _Stamps) -> LiveIndex:
        self._index, self.problem, self._failed = index, None, None
        self._manifest = os.fspath(self._root / index.label / manifests.FILE)
        self._seen = stamps._replace(manifest=_stamp(self._manifest))
        return index

    def _follow(self, index: LiveIndex | None, stamps: _Stamps) -> LiveIndex:
        """Return the build in current.json with the face changes, as it is open if it is the same."""
        seen = self._seen
        label = read_current(self._root)
        if label is None:
            raise IndexMissing()
        self._guard.check(label)
        if index and seen and index.label == label and stamps.manifest == seen.manifest:
            return LiveIndex(index.base, self._journal.changes())
        try:
            return self._opened(label)
        except IndexDamaged as problem:
            self._guard.note_damaged(label, problem)
            raise

    def _opened(self, label: str) -> LiveIndex:
        index = LiveIndex(open_index(self._root / label, self._model_sha256), self._journal.changes())
        _log.info("index %s with %d faces is in service", index.label, index.count)
        return index

    def _is_changed(self, index: LiveIndex) -> bool:
        found = changed_files.read_changed(self._root).index
        return found is not None and found.of == index.label

    def _stamps(self) -> _Stamps:
        return _Stamps(
            _stamp(self._pointer), self._journal.stamp(), _stamp(self._manifest), _stamp(self._changed)
        )

    def _files_stamp(self) -> object:
        """Return a value that differs when a file of the build in current.json does."""
        try:
            folder = self._root / (read_current(self._root) or "")
            stats = [(str(path), path.stat()) for path in folder.rglob("*")]
        except (IndexUnusable, OSError):
            return None
        return sorted((name, stat.st_ino, stat.st_size, stat.st_ctime_ns) for name, stat in stats)


def _stamp(path: str) -> _Stamp:
    try:
        stat = os.stat(path)  # noqa: PTH116 - half the time of Path.stat, on every request
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size
