"""Objects as files of a folder, which may be on a disk that several hosts mount."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from simsvc.adapters.objects.keys import checked_key
from simsvc.adapters.ops.atomic_files import sync
from simsvc.errors import CacheUnwritable, ObjectMissing, ObjectsRefused, ObjectsUnavailable
from simsvc.values.objects import ObjectFacts

DRAFT = ".draft-"
FULL = (errno.ENOSPC, errno.EDQUOT)


class LocalObjects:
    """An object store in one folder; objects are written to a draft, synced and renamed."""

    keeps_versions = False

    def __init__(self, root: Path, name: str = "") -> None:
        self._root = root
        self.name = name or str(root)

    def check(self) -> None:
        """Raise ObjectsUnavailable if objects cannot be listed."""
        for _ in self.keys(""):
            return

    def put(self, key: str, data: bytes) -> None:
        """Write an object; raises ObjectsUnavailable."""
        with self._draft(key) as draft:
            draft.write_bytes(data)

    def put_new(self, key: str, data: bytes) -> bool:
        """Write an object unless there is one; return whether it was written; raises ObjectsUnavailable."""
        try:
            with self._draft(key, os.link) as draft:
                draft.write_bytes(data)
        except FileExistsError:
            return False
        return True

    def put_file(self, key: str, path: Path) -> None:
        """Write a file's content as an object; raises ObjectsUnavailable."""
        with self._draft(key) as draft:
            shutil.copyfile(path, draft)

    def get(self, key: str) -> bytes:
        """Return an object; raises ObjectMissing, ObjectsUnavailable."""
        with self._asking("read", key):
            return self._path(key).read_bytes()

    def fetch(self, key: str, to: Path) -> None:
        """Copy an object to a file; raises ObjectMissing, ObjectsUnavailable, CacheUnwritable."""
        path = self._path(key)
        with self._asking("read", key), path.open("rb") as source, kept_whole(to) as part:
            _copy(source, part)

    def delete(self, key: str) -> None:
        """Delete an object, if there is one; raises ObjectsUnavailable."""
        path = self._path(key)
        with self._asking("delete", key):
            path.unlink(missing_ok=True)
        self._tidy(path.parent)

    def delete_all(self, prefix: str) -> None:
        """Delete every object below a prefix; raises ObjectsUnavailable."""
        for facts in list(self.keys(prefix)):
            self.delete(facts.key)

    def keys(self, prefix: str) -> Iterator[ObjectFacts]:
        """Yield every object below a prefix, in order; raises ObjectsUnavailable."""
        top = self._path(prefix) if prefix else self._root
        with self._asking("list", prefix):
            for path in sorted(top.rglob("*")):
                if path.name.startswith(DRAFT) or not path.is_file():
                    continue
                with suppress(FileNotFoundError):  # deleted meanwhile
                    yield self._facts(path)

    def _facts(self, path: Path) -> ObjectFacts:
        stat = path.stat()
        modified = datetime.fromtimestamp(stat.st_mtime, UTC)
        return ObjectFacts(path.relative_to(self._root).as_posix(), stat.st_size, modified)

    def _path(self, key: str) -> Path:
        return self._root / checked_key(key)

    @contextmanager
    def _draft(self, key: str, place: Callable[[Path, Path], object] = Path.replace) -> Iterator[Path]:
        path = self._path(key)
        with self._asking("write", key):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, name = tempfile.mkstemp(prefix=DRAFT, dir=path.parent)
            os.close(handle)
            draft = Path(name)
            try:
                yield draft
                sync(draft)
                place(draft, path)
                sync(path.parent)
            finally:
                draft.unlink(missing_ok=True)

    def _tidy(self, folder: Path) -> None:
        """Remove folders that have become empty."""
        while folder != self._root and self._root in folder.parents:
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent

    @contextmanager
    def _asking(self, action: str, key: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise ObjectMissing(store=self.name, object=key) from None
        except FileExistsError:
            raise
        except PermissionError:
            raise ObjectsRefused("permission", store=self.name, action=action) from None
        except OSError as error:
            if error.errno in FULL:
                raise ObjectsRefused("full", store=self.name) from None
            raise ObjectsUnavailable(
                "failed", store=self.name, problem=error.strerror or "I/O error"
            ) from None


def _copy(source: IO[bytes], to: Path) -> None:
    with to.open("wb") as target:
        shutil.copyfileobj(source, target)


@contextmanager
def kept_whole(to: Path) -> Iterator[Path]:
    """Yield a file beside `to` that becomes it at the end; raises CacheUnwritable."""
    part = to.with_name(f"{DRAFT}{os.getpid()}-{to.name}")
    try:
        yield part
        part.replace(to)
    except OSError as error:
        raise CacheUnwritable("failed", problem=error.strerror or "I/O error") from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
