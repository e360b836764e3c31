"""The index in service, as a running service follows it."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from simsvc.adapters.index import changed_files
from simsvc.adapters.index.engines.chosen import open_index
from simsvc.adapters.index.files import manifest as manifests
from simsvc.adapters.index.files.stamp import Stamp, stamp
from simsvc.adapters.index.live_index import LiveIndex
from simsvc.adapters.index.served_state import ServedState, state_in_files
from simsvc.errors import (
    BuildNotFound,
    IndexDamaged,
    IndexMissing,
    IndexModelMismatch,
    IndexNotServed,
    IndexUnusable,
    StoreError,
)

RETRY_S = 2.0
"""How soon a host tries again to follow the others to a build that it could not open."""

_log = logging.getLogger(__name__)


class _Stamps(NamedTuple):
    """What differs when what is in service may; the manifest is that of the build."""

    pointer: object
    journal: object
    manifest: Stamp | None
    changed: Stamp | None


class Guard(Protocol):
    """Says which builds may be in service."""

    def check(self, label: str) -> None:
        """Raise IndexNotServed if the build in current.json may not be in service; StoreError."""

    def fallbacks(self) -> Sequence[str]:
        """Return the builds that may take over, best first; raises StoreError."""

    def note_damaged(self, label: str, problem: IndexDamaged) -> None:
        """Log that files of the build in current.json are not as its manifest says."""


class Builds(Protocol):
    """The folders of builds."""

    def open_build(self, label: str) -> Path:
        """Return the local folder of a build; raises IndexUnusable."""

    def build_path(self, label: str) -> Path:
        """Return where that folder is, or would be; raises BuildNotFound if the label is malformed."""


class _Below:
    """Builds below the folder of current.json."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def open_build(self, label: str) -> Path:
        return self._root / label

    def build_path(self, label: str) -> Path:
        return self._root / label


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

    Each call takes four stats; with a shared state, two and a query. The first caller that sees a switch
    opens the new build while others use the old one, and all wait for changed faces: who is erased is in no
    answer that began later. A build that is unusable, or may not be in service, is logged, and the last good
    one stays in service. A build of which a file changed is dropped: what is mapped has changed with it.
    """

    def __init__(
        self,
        root: Path,
        model_sha256: str,
        guard: Guard | None = None,
        state: ServedState | None = None,
        builds: Builds | None = None,
    ) -> None:
        self._root = root
        self._state = state or state_in_files(root)
        self._builds = builds or _Below(root)
        self._changed = os.fspath(root / changed_files.FILE)
        self._manifest = ""
        self._model_sha256 = model_sha256
        self._guard = guard or AnyBuild()
        self._loading = threading.Lock()
        self._journal = self._state.journal
        self._retry_s = 0.0
        self._index: LiveIndex | None = None
        self._seen: _Stamps | None = None
        self._failed: tuple[object, IndexUnusable] | None = None
        self.problem: IndexUnusable | None = None
        """Why the build in current.json is not the one in service, or None if it is."""

    def get(self) -> LiveIndex:
        """Return the index in service.

        Raises IndexMissing if there is no index, IndexDamaged if the only build is unusable,
        IndexModelMismatch if the only build was built with a different model, IndexNotServed if no build on
        disk may be in service, StoreError if the database cannot be asked.
        """
        seen = self._seen  # first: whoever follows a change sets it last
        index, stamps = self._index, self._stamps()
        if index is not None and stamps == seen and not self._is_due_again():
            return index
        waits = index is None or seen is None or stamps.journal != seen.journal
        if not self._loading.acquire(blocking=waits):
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
        if self._is_due_again():
            return self._followed_from(index, stamps, self._seen._replace(pointer=None))
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
            self._tell(f"{kept.label} is in service", error)
            self._take(kept, stamps)
            self._note(error)
            return kept
        except IndexUnusable as error:
            self._tell(f"{index.label} stays in service", error)
            self._note(error)
            self._seen = stamps
        except StoreError as error:  # asked again with the next call
            _log.error("%s stays in service: %s", index.label, error.sentence)
        return self._with_changes(index)

    def _with_changes(self, index: LiveIndex) -> LiveIndex:
        """Apply the latest face changes to the open build, as far as they can be read."""
        try:
            if self._journal.changes().number != index.face_changes:
                self._index = LiveIndex(index.base, self._journal.changes())
        except IndexUnusable as error:
            _log.warning("the last face changes stay: %s", error.sentence)
        return self._index or index

    def _note(self, problem: IndexUnusable) -> None:
        self.problem, self._retry_s = problem, time.monotonic() + RETRY_S

    def _tell(self, outcome: str, problem: IndexUnusable) -> None:
        """Log a problem, once however often it is met."""
        if self.problem is None or self.problem.sentence != problem.sentence:
            _log.error("%s: %s", outcome, problem.sentence)

    def _is_due_again(self) -> bool:
        """Return whether to try again what could not be followed; files of one host change when mended."""
        return self._state.is_shared and self.problem is not None and time.monotonic() >= self._retry_s

    def _first(self, stamps: _Stamps) -> LiveIndex:
        """Open the build in current.json, or the last one that may be in service in its place."""
        due = time.monotonic() // RETRY_S if self._state.is_shared else None
        key = (stamps, self._files_stamp(), due)
        if self._failed and self._failed[0] == key:
            raise self._failed[1].with_traceback(None)
        try:
            return self._take(self._follow(None, stamps), stamps)
        except IndexNotServed as error:
            if index := self._fallen_back():
                _log.error("%s is in service: %s", index.label, error.sentence)
                self._take(index, stamps)
                self._note(error)
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
        self._manifest = os.fspath(self._builds.build_path(index.label) / manifests.FILE)
        self._seen = stamps._replace(manifest=stamp(self._manifest))
        return index

    def _follow(self, index: LiveIndex | None, stamps: _Stamps) -> LiveIndex:
        """Return the build in current.json with the face changes, as it is open if it is the same."""
        seen = self._seen
        label, _ = self._state.pointer.read()
        if label is None:
            raise IndexMissing()
        if self._state.is_shared:
            self._fetch(label)
        self._guard.check(label)
        if index and seen and index.label == label and stamps.manifest == seen.manifest:
            return LiveIndex(index.base, self._journal.changes())
        try:
            return self._opened(label)
        except IndexDamaged as problem:
            self._guard.note_damaged(label, problem)
            raise

    def _fetch(self, label: str) -> None:
        """See that this host has a build that another one may have made."""
        try:
            self._builds.open_build(label)
        except BuildNotFound:
            raise IndexMissing("elsewhere", label=label) from None

    def _opened(self, label: str) -> LiveIndex:
        folder = self._builds.open_build(label)
        index = LiveIndex(open_index(folder, self._model_sha256), self._journal.changes())
        _log.info("index %s with %d faces is in service", index.label, index.count)
        return index

    def _is_changed(self, index: LiveIndex) -> bool:
        found = changed_files.read_changed(self._root).index
        return found is not None and found.of == index.label

    def _stamps(self) -> _Stamps:
        return _Stamps(*self._state.stamps(), stamp(self._manifest), stamp(self._changed))

    def _files_stamp(self) -> object:
        """Return a value that differs when a file of the build in current.json does."""
        try:
            label = self._state.pointer.read()[0]
            if label is None:
                return None
            folder = self._builds.build_path(label)
            stats = [(str(path), path.stat()) for path in folder.rglob("*")]
        except (IndexUnusable, OSError):
            return None
        return sorted((name, stat.st_ino, stat.st_size, stat.st_ctime_ns) for name, stat in stats)
