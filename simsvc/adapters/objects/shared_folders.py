"""Folders of files that never change, in an object store, with copies on the local disk.

<prefix>/<name>/<document>   written last: a folder without it does not exist; it names the other files
<prefix>/<name>/<file>       every other file

<cache>/<name>/              a whole copy
<cache>/.fetching-<pid>-.../ a copy in the making
<cache>/.lock                held while one process fetches, so that the others need not
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from simsvc.adapters.objects.keys import checked_key
from simsvc.adapters.ops.atomic_files import difference, sync
from simsvc.domain.gallery.manifest import Fingerprint
from simsvc.errors import CacheUnwritable, ObjectMissing, ObjectsUnavailable, SimsvcError
from simsvc.messages import N_, Message
from simsvc.ports import ObjectStore

FETCHING = ".fetching-"
LISTED_FOR_S = 2.0
"""How long a listing counts: every host sees a folder, or no longer sees it, within two seconds."""
TROUBLED_FOR_S = 5.0
"""How long the last listing counts where the store cannot be asked: so long no request waits for it again."""
USED_LATELY_S = 60.0
"""Copies used within this time are not dropped: another process may be about to open them."""
UNFINISHED_AFTER = timedelta(days=1)
"""Age of files without a document that are deleted: no upload takes so long."""
MISSING = N_("%(file)s is missing")
_log = logging.getLogger(__name__)
_Stamp = tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """What the folders hold.

    Attributes:
        prefix: first part of the objects' names, and name of the cache's folder.
        document: name of the file that is written last.
        depth: number of parts of a folder's name.
        files: reads the document of a folder, and returns the fingerprints of the other files.
        missing: the error for a name that does not exist.
        damaged: the error for a file that is not as the document says.
        unavailable: the error for a folder that cannot be fetched now.
    """

    prefix: str
    document: str
    depth: int
    files: Callable[[Path], Mapping[str, Fingerprint]]
    missing: Callable[[], SimsvcError]
    damaged: Callable[[str, Message], SimsvcError]
    unavailable: Callable[[str, ObjectsUnavailable], SimsvcError]


class SharedFolders:
    """Folders in an object store; `open` returns a whole local copy."""

    def __init__(self, objects: ObjectStore, kind: Kind, cache: Path, most_bytes: int) -> None:
        self._objects, self._kind, self._most_bytes = objects, kind, most_bytes
        self._cache = cache / kind.prefix
        self._listing = threading.Lock()
        self._names: tuple[str, ...] | None = None
        self._listed_s = self._troubled_s = -LISTED_FOR_S - TROUBLED_FOR_S
        self._trouble: ObjectsUnavailable | None = None
        self._documents: dict[str, bytes] = {}
        self._seen: dict[str, _Stamp] = {}

    def names(self) -> tuple[str, ...]:
        """Return the names of all folders, in order, as of the last two seconds.

        While the store cannot be asked, the last listing counts, and one thread asks again. Raises the kind's
        error if there is none.
        """
        known, now_s = self._names, time.monotonic()
        if known is not None and now_s - self._listed_s < LISTED_FOR_S:
            return known
        if not self._listing.acquire(blocking=known is None):
            return known or ()
        try:
            if self._trouble is None or now_s - self._troubled_s > TROUBLED_FOR_S:
                self._list()
            if self._names is None:
                assert self._trouble is not None  # noqa: S101 - for mypy: there is a listing or a problem
                raise self._kind.unavailable("", self._trouble) from self._trouble
            return self._names
        finally:
            self._listing.release()

    def _list(self) -> None:
        try:
            keys = [facts.key.split("/") for facts in self._objects.keys(self._kind.prefix)]
        except ObjectsUnavailable as trouble:
            self._trouble, self._troubled_s = trouble, time.monotonic()
            return
        finally:
            self._listed_s = time.monotonic()
        length = self._kind.depth + 2
        found = ["/".join(key[1:-1]) for key in keys if len(key) == length and key[-1] == self._kind.document]
        self._names, self._trouble = tuple(sorted(found)), None
        self._forget(set(self._documents) - set(found))
        self._drop_gone(found)

    def has(self, name: str) -> bool:
        """Return whether there is a folder of this name; see `names`."""
        return name in self.names()

    def document(self, name: str) -> bytes:
        """Return a folder's document, without fetching the folder; raises the kind's errors."""
        self.check(name)
        copy = self.path(name) / self._kind.document
        if name not in self._documents:
            with self._asking(name):
                got = copy.read_bytes() if copy.is_file() else self._objects.get(self._key(name, copy.name))
            self._documents[name] = got
        return self._documents[name]

    def check(self, name: str) -> None:
        """Raise the kind's error without such a folder; while the store does not answer, a copy counts."""
        try:
            stands = self.has(name)
        except SimsvcError:
            if not (self.path(name) / self._kind.document).is_file():
                raise
            return
        if not stands:
            raise self._kind.missing()

    def path(self, name: str) -> Path:
        """Return where the copy of a folder is, if there is one."""
        return self._cache / name

    def open(self, name: str, keep: Callable[[], Collection[str]] = tuple) -> Path:
        """Return a local copy of a folder, of which every file is as the document says.

        A copy is verified when it is fetched, when a process first opens it, and when a file of it changed;
        a damaged one is fetched again. To make room, copies are dropped that were not used for longest,
        except those to `keep`.

        Raises the kind's errors: it does not exist, its objects are damaged, or they cannot be fetched now.
        """
        self.check(name)
        home = self.path(name)
        if self._is_whole(name, home):
            return home
        with self._fetching():
            if not self._is_whole(name, home):  # another process may just have fetched it
                self._fetch(name, keep())
        return home

    def publish(self, name: str, folder: Path) -> None:
        """Store a finished folder, its document last, in place of an earlier one of the same content.

        The folder itself is moved to the cache. Raises the kind's error if the store does not take it; then
        it does not exist for others.
        """
        document = folder / self._kind.document
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path != document)
        with self._asking(name):
            for path in (*files, document):
                self._objects.put_file(self._key(name, path.relative_to(folder).as_posix()), path)
        with self._fetching(), self._drafting(name) as draft:
            shutil.move(folder, draft)
            self._place(draft / folder.name, name)
        self._forget_listing()

    def set_aside(self, name: str) -> SharedAside:
        """Make a folder disappear for all hosts, so that it can still be put back."""
        key = self._key(name, self._kind.document)
        with self._asking(name):
            document = self._objects.get(key)
            self._objects.delete(key)
        self._forget_listing()
        return SharedAside(self, name, document)

    def put_back(self, name: str, document: bytes) -> None:
        """Undo `set_aside`."""
        with self._asking(name):
            self._objects.put(self._key(name, self._kind.document), document)
        self._forget_listing()

    def delete(self, name: str) -> None:
        """Delete the objects of a folder, and the local copy; raises the kind's errors."""
        with self._asking(name):
            self._objects.delete_all(f"{self._kind.prefix}/{name}")
        self._forget_listing()
        self._remove(name)

    def sweep(self, now: datetime) -> None:
        """Delete what uploads that died have left, and copies of folders that no longer exist."""
        with self._asking(""):
            facts = list(self._objects.keys(self._kind.prefix))
        self._forget_listing()
        standing = set(self.names())
        newest: dict[str, datetime] = {}
        for one in facts:
            name = "/".join(one.key.split("/")[1 : 1 + self._kind.depth])
            newest[name] = max(newest.get(name, one.modified), one.modified)
        for name, modified in newest.items():
            if name not in standing and now - modified > UNFINISHED_AFTER:
                self.delete(name)
        for folder in self._cache.glob(f"{FETCHING}*"):
            if time.time() - folder.stat().st_mtime > UNFINISHED_AFTER.total_seconds():
                shutil.rmtree(folder, ignore_errors=True)

    def _fetch(self, name: str, keep: Collection[str]) -> None:
        with self._drafting(name) as draft:
            folder = draft / name  # some documents name the folders they are in
            folder.mkdir(parents=True)
            with self._asking(name):
                self._objects.fetch(self._key(name, self._kind.document), folder / self._kind.document)
                files = dict(self._kind.files(folder))
                self._make_room(sum(file.bytes for file in files.values()), {name, *keep})
                for file in files:
                    key = checked_key(self._key(name, file))  # so that no file is written outside the folder
                    (folder / file).parent.mkdir(parents=True, exist_ok=True)
                    self._objects.fetch(key, folder / file)
            if problem := difference(folder, files):
                raise self._kind.damaged(name, problem)
            for path in folder.rglob("*"):
                sync(path)
            self._place(folder, name)

    def _place(self, folder: Path, name: str) -> None:
        home = self.path(name)
        home.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.rmtree(home, ignore_errors=True)
        folder.rename(home)
        sync(home.parent)
        self._seen[name] = _stamp(home)

    @contextmanager
    def _drafting(self, name: str) -> Iterator[Path]:
        """Yield a folder in the cache that is deleted at the end."""
        draft = None
        try:
            draft = Path(tempfile.mkdtemp(prefix=f"{FETCHING}{os.getpid()}-", dir=self._cache))
            yield draft
        except ObjectMissing as error:
            file = str(error.params["object"]).rpartition("/")[2]
            raise self._kind.damaged(name, Message(MISSING, {"file": file})) from None
        except OSError as error:
            raise self._kind.unavailable(name, _unwritable(error)) from None
        finally:
            if draft is not None:
                shutil.rmtree(draft, ignore_errors=True)

    def _is_whole(self, name: str, home: Path) -> bool:
        """Return whether there is a copy as it should be; its files are hashed unless nothing has changed."""
        try:
            stamp = _stamp(home)
            os.utime(home)  # used lately
            if self._seen.get(name) == stamp:
                return True
            if difference(home, dict(self._kind.files(home))):
                return False
        except (OSError, SimsvcError):
            return False
        self._seen[name] = stamp
        return True

    def _make_room(self, wanted_bytes: int, keep: Collection[str]) -> None:
        """Drop the copies that were not used for longest, as far as needed; raises CacheUnwritable."""
        copies = [(path.stat().st_mtime, path) for path in self._copies()]
        taken = {path: sum(file.stat().st_size for file in path.rglob("*")) for _, path in copies}
        for used_s, path in sorted(copies):
            fits = sum(taken.values()) + wanted_bytes <= self._most_bytes
            if fits and shutil.disk_usage(self._cache).free > wanted_bytes:
                return
            if time.time() - used_s > USED_LATELY_S and self._name(path) not in keep:
                self._remove(self._name(path))
                del taken[path]
        free = shutil.disk_usage(self._cache).free
        if free <= wanted_bytes:
            raise CacheUnwritable("room", free_mb=free / 1e6, wanted_mb=wanted_bytes / 1e6)

    def _drop_gone(self, standing: Collection[str]) -> None:
        """Delete copies of folders that no longer exist."""
        for path in self._copies():
            if self._name(path) not in standing:
                self._remove(self._name(path))

    def _copies(self) -> list[Path]:
        with suppress(OSError):
            found = self._cache.glob("/".join(["[!.]*"] * self._kind.depth))
            return [path for path in found if (path / self._kind.document).is_file()]
        return []

    def _name(self, path: Path) -> str:
        return path.relative_to(self._cache).as_posix()

    def _remove(self, name: str) -> None:
        """Delete a copy; open files stay readable."""
        shutil.rmtree(self._cache / name, ignore_errors=True)
        self._seen.pop(name, None)

    def _forget(self, names: Collection[str]) -> None:
        for name in names:
            self._documents.pop(name, None)

    def _forget_listing(self) -> None:
        with self._listing:
            self._listed_s = -LISTED_FOR_S
            self._trouble = None

    def _key(self, name: str, file: str) -> str:
        return f"{self._kind.prefix}/{name}/{file}"

    @contextmanager
    def _asking(self, name: str) -> Iterator[None]:
        try:
            yield
        except ObjectsUnavailable as error:
            raise self._kind.unavailable(name, error) from error

    @contextmanager
    def _fetching(self) -> Iterator[None]:
        """Hold the lock of this host's cache."""
        try:
            self._cache.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = (self._cache / ".lock").open("a")
        except OSError as error:
            raise self._kind.unavailable("", _unwritable(error)) from None
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


@dataclass(frozen=True, slots=True)
class SharedAside:
    """A folder that was set aside."""

    folders: SharedFolders
    name: str
    document: bytes

    def restore(self) -> None:
        """Put it back."""
        self.folders.put_back(self.name, self.document)

    def delete(self) -> None:
        """Delete it for good; what cannot be deleted now is swept before a later build."""
        try:
            self.folders.delete(self.name)
        except SimsvcError as error:
            _log.error("%s is deleted later: %s", self.name, error.sentence)


def _stamp(folder: Path) -> _Stamp:
    """Return what differs when a file of a folder does."""
    found = [(str(path), path.stat()) for path in folder.rglob("*")]
    if not found:
        raise FileNotFoundError(folder)
    return tuple(sorted((name, stat.st_ino, stat.st_size, stat.st_ctime_ns) for name, stat in found))


def _unwritable(error: OSError) -> CacheUnwritable:
    return CacheUnwritable("failed", problem=error.strerror or "I/O error")
