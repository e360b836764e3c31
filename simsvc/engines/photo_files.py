"""Photos on this machine: found in folders and read, with a limit."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from simsvc.engines.sources import PHOTO_SUFFIXES
from simsvc.errors import PhotoMissing, PhotoTooManyBytes
from simsvc.steps.results import Key


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A file that is to be judged.

    Attributes:
        path: where it lies.
        shown: the same as text that can be written anywhere.
        size_bytes: when it was listed; 0 where it could not be looked at.
        changed_ns: time of its last change, likewise.
    """

    path: Path
    shown: str
    size_bytes: int
    changed_ns: int

    @property
    def key(self) -> Key:
        """Tell it from another file, also from one that came to its place."""
        return self.shown, self.size_bytes, self.changed_ns


def photo_file(path: Path) -> PhotoFile:
    """Return a file as it is now, also one that is not there."""
    shown = os.fsencode(path).decode("utf-8", "backslashreplace")
    try:
        stat = path.stat()
    except (OSError, ValueError):
        return PhotoFile(path, shown, 0, 0)
    return PhotoFile(path, shown, stat.st_size, stat.st_mtime_ns)


def list_photos(paths: Iterable[Path]) -> list[PhotoFile]:
    """List files as they are named, and every photo in named folders and the folders in them, by name.

    A file in a folder is a photo by its name's ending; hidden ones, and folders that are links, are left out.
    A file that is reached twice is listed once. What cannot be looked into is listed as if it were a photo.
    """
    found = {path: None for named in paths for path in (_within(named) if named.is_dir() else (named,))}
    return [photo_file(path) for path in found]


def read_photo(path: Path, max_bytes: int) -> bytes:
    """Return a photo's bytes.

    Raises:
        PhotoMissing: there is none, or it cannot be read.
        PhotoTooManyBytes: it is longer than that.
    """
    if not path.is_file():
        raise PhotoMissing("There is no such file. Check the path and try again.")
    try:
        if path.stat().st_size > max_bytes:
            raise PhotoTooManyBytes(
                f"The file has more than {max_bytes / 1e6:.0f} MB. "
                "Save a smaller copy, or crop it to the face, and try again."
            )
        return path.read_bytes()
    except OSError:
        raise PhotoMissing("The file cannot be read. Check its permissions and try again.") from None


def _within(folder: Path) -> Iterator[Path]:
    shut: list[Path] = []
    for place, folders, files in os.walk(folder, onerror=lambda error: shut.append(Path(error.filename))):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(place, name)
            if path.suffix.lower() in PHOTO_SUFFIXES and not name.startswith("."):
                yield path
    yield from shut
