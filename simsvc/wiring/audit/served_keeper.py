"""A thread that sees to it that what is in service stays what was logged.

It looks at current.json, the manifest and model.json every few seconds, and hashes every other file of the
build and the model in service again and again.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from simsvc.adapters.index.changed_files import ChangedFile, read_changed, write_changed
from simsvc.adapters.index.files.embedding_cache import forget_unfinished
from simsvc.adapters.inference.bundle import load_document
from simsvc.adapters.inference.shipped import SHIPPED
from simsvc.adapters.ops.atomic_files import replace_text
from simsvc.adapters.ops.gentle_hash import gentle_fingerprint
from simsvc.domain.audit.served import model_origin
from simsvc.domain.gallery.manifest import Fingerprint
from simsvc.errors import BundleError, IndexNotServed, IndexUnusable, ModelNotLogged, SimsvcError, StoreError
from simsvc.flows.audit.recheck import Watched, changed, file_key, unfinished
from simsvc.flows.audit.served import FILES, MODEL, note_quietly
from simsvc.settings import Settings
from simsvc.store.audit.served_log import ServedLog
from simsvc.store.database import Database
from simsvc.wiring.audit.served import index_guard, named
from simsvc.wiring.hosts.index_shelf import open_shelf

LOOK_EVERY_S = 5.0
"""Between looks at the small files: three stats, and a query a minute."""
QUERY_EVERY_S = 60.0
"""Between looks at the log where no small file has changed."""
PASS_EVERY_S = 60.0
"""Between two passes over all files."""
REMEMBER_EVERY_S = 60.0
"""Between writes of the position."""
SHARE = 0.01
"""Of a core that hashing may take, at most: each pause is 99 times as long as the work before it."""
LOWEST = 19
"""Niceness of the thread; on Linux each thread has its own. Source: setpriority(2), "C library/kernel
differences"."""
LOCK, POSITION, ERASED = ".recheck.lock", ".recheck.json", ".erased"
"""Held by the one process of a host that hashes; how far it has come; how many erased faces it knows of."""

_log = logging.getLogger(__name__)
_at_work = threading.Lock()
"""Held while the thread uses the database, and while the process forks: a fork in the middle would leave the
child a lock that nobody releases."""


class Stopped(Exception):
    """The thread is to end."""


class ServedKeeper:
    """Looks after what is in service; `wait` sleeps so many seconds and returns whether to stop."""

    def __init__(self, settings: Settings, database: Database, wait: Callable[[float], bool]) -> None:
        self._settings, self._wait = settings, wait
        self._root = settings.index_root
        self._shelf = open_shelf(settings, database)
        self._book = ServedLog(database)
        self._guard = index_guard(database, self._shelf)
        self._looked_s = self._asked_s = -QUERY_EVERY_S
        self._remembered_s = time.monotonic()
        self._paused_cpu_s = time.thread_time()
        self._seen: object = None
        self._erased: int | None = None
        self._warned = ""

    def run(self) -> None:
        """Look and hash until stopped, if no other process of the host does."""
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST)
        self._paused_cpu_s = time.thread_time()
        with suppress(Stopped):
            while not self._wait(LOOK_EVERY_S):
                try:
                    with host_lock(self._root / LOCK) as mine:
                        if mine:
                            self._keep()
                except FileNotFoundError:
                    continue  # there is no index folder yet
                except (OSError, SimsvcError) as error:
                    self._warn(f"what is in service cannot be checked: {error}")

    def look(self) -> None:
        """Look at current.json, the manifest and model.json, and log what is wrong."""
        with _at_work:
            self._guard.inspect()
            try:
                bundle = load_document(self._settings.bundle_dir)
            except BundleError as problem:
                note_quietly(self._book, MODEL, problem)
                return
            if model_origin(self._book.model(bundle.document_sha256, bundle.sha256), SHIPPED):
                self._book.note_end(MODEL)
            else:
                unknown = ModelNotLogged("start", version=bundle.version)
                note_quietly(self._book, MODEL, unknown, named(bundle))

    def hash_all(self) -> None:
        """Hash every file that an earlier pass has left, log and mark those that changed.

        The pass ends early if another build or model goes into service meanwhile.
        """
        watched, stamps, done = self.watched(), self._stamps(), self._done()
        if not unfinished(watched, done):
            done = []
        wrong = {one.part for one in watched if done and self._is_marked(one)}
        for one, name, differs in changed(watched, done, self._hashed):
            if self._stamps() != stamps:
                return
            if differs:
                wrong.add(one.part)
                self._mark(one, name)
            done.append(file_key(one, name))
            self._remember(done)
        (self._root / POSITION).unlink(missing_ok=True)
        for one in watched:
            if one.part not in wrong:
                self._clear(one.part)

    def watched(self) -> list[Watched]:
        """Return the files of the build and the model in service, as far as these are known."""
        found = []
        with suppress(IndexUnusable):
            label = self._label()
            if label is not None:
                manifest = self._shelf.manifest(label)
                found.append(Watched("index", label, self._shelf.open_build(label), manifest.files))
        with suppress(BundleError):
            bundle = load_document(self._settings.bundle_dir)
            found.append(Watched("model", bundle.document_sha256, bundle.folder, bundle.files))
        return found

    def _label(self) -> str | None:
        """Return the build that is in service: in current.json or, if that may not be, by the log."""
        with _at_work:
            if self._guard.inspect() is None:
                return self._shelf.current()
            return next(iter(self._guard.fallbacks()), None)

    def _keep(self) -> None:
        while True:
            self._look_if_due()
            self.hash_all()
            start_s = time.monotonic()
            while time.monotonic() - start_s < PASS_EVERY_S:
                if self._wait(LOOK_EVERY_S):
                    raise Stopped
                self._look_if_due()

    def _look_if_due(self) -> None:
        now_s = time.monotonic()
        if now_s - self._looked_s < LOOK_EVERY_S:
            return
        self._looked_s = now_s
        self._forget_erased()
        seen = self._stamps()
        if seen == self._seen and now_s - self._asked_s < QUERY_EVERY_S:
            return
        try:
            self.look()
        except StoreError as error:
            self._warn(f"what is in service cannot be compared with the log: {error.sentence}")
            return
        self._seen, self._asked_s = seen, now_s

    def _forget_erased(self) -> None:
        """Delete what unfinished builds of this host have of faces that another host erased."""
        if not self._shelf.state.is_shared:
            return
        try:
            with _at_work:
                erased = len(self._shelf.face_changes().erased)
        except (IndexUnusable, StoreError):  # told by `look`
            return
        if self._erased is None:
            self._erased = _number(self._root / ERASED)
        if erased > self._erased:
            forget_unfinished(self._root)
            replace_text(self._root / ERASED, f"{erased}\n")
        self._erased = erased

    def _stamps(self) -> object:
        label = None
        with _at_work, suppress(IndexUnusable):
            label = self._shelf.current()
        manifest = self._shelf.build_path(label) / "manifest.json" if label else None
        return label, _stamp(manifest) if manifest else None, _stamp(self._settings.bundle_dir / "model.json")

    def _hashed(self, path: Path) -> Fingerprint:
        return gentle_fingerprint(path, self._pause)

    def _pause(self, worked_s: float) -> None:
        """Wait so long that all work since the last pause was its share of the time; raises Stopped."""
        worked_s = max(worked_s, time.thread_time() - self._paused_cpu_s)
        self._paused_cpu_s = time.thread_time()
        if self._wait(worked_s * (1 - SHARE) / SHARE):
            raise Stopped
        self._look_if_due()

    def _warn(self, text: str) -> None:
        if text != self._warned:
            _log.warning(text)
        self._warned = text

    def _is_marked(self, watched: Watched) -> bool:
        return getattr(read_changed(self._root), watched.part) is not None

    def _mark(self, watched: Watched, file: str) -> None:
        problem: SimsvcError = ModelNotLogged("changed", file=file)
        if watched.part == "index":
            problem = IndexNotServed("changed", label=watched.of, file=file)
        _log.error(problem.sentence)
        found = replace(read_changed(self._root), **{watched.part: ChangedFile(watched.of, file)})
        write_changed(self._root, found)
        with _at_work:
            note_quietly(self._book, FILES[watched.part], problem, {"of": watched.of})

    def _clear(self, part: str) -> None:
        write_changed(self._root, replace(read_changed(self._root), **{part: None}))
        with _at_work:
            self._book.note_end(FILES[part])

    def _remember(self, done: list[str]) -> None:
        """Write how far the pass has come, for another process to go on, if it takes long."""
        if time.monotonic() - self._remembered_s > REMEMBER_EVERY_S:
            self._remembered_s = time.monotonic()
            replace_text(self._root / POSITION, json.dumps(done) + "\n")

    def _done(self) -> list[str]:
        try:
            said = json.loads((self._root / POSITION).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []
        return [one for one in said if isinstance(one, str)] if isinstance(said, list) else []


def start_keeper(settings: Settings, database: Database) -> threading.Thread:
    """Start the thread; `database` must be its own, and the thread ends with the process."""
    os.register_at_fork(
        before=_at_work.acquire, after_in_parent=_at_work.release, after_in_child=_at_work.release
    )
    keeper = ServedKeeper(settings, database, threading.Event().wait)
    thread = threading.Thread(target=keeper.run, name="served-keeper", daemon=True)
    thread.start()
    return thread


@contextmanager
def host_lock(path: Path) -> Iterator[bool]:
    """Hold a lock that dies with the process; yields whether no other process has it."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _number(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size
