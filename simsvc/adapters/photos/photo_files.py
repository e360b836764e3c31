"""Photos on this machine: found in folders by what files hold, and read, with a limit."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from simsvc.domain.estimate.table_rows import Key
from simsvc.domain.files.file_names import UNWANTED, canonical_name, unwanted
from simsvc.domain.files.left_out import LeftOut
from simsvc.domain.files.photo_signatures import HEAD_BYTES, is_picture, promises_picture
from simsvc.errors import PhotoMissing, PhotoTooManyBytes

HIDDEN = "hidden"
LINK = "link to a folder"
EMPTY = "empty file"
NO_PICTURE = "no photo by its first bytes"


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


@dataclass(frozen=True, slots=True)
class Listing:
    """What a walk over files and folders finds.

    Attributes:
        files: to be judged.
        left_out: what is not.
        alike: files whose names differ only in normal form; they are shown as the disk has them.
    """

    files: list[PhotoFile]
    left_out: LeftOut
    alike: tuple[str, ...] = ()


def shown_name(path: Path | str) -> str:
    """Return a path as text that can be written anywhere, in canonical form."""
    return canonical_name(_as_on_disk(path))


def photo_file(path: Path) -> PhotoFile:
    """Return a file as it is now, also one that is not there."""
    shown = shown_name(path)
    try:
        stat = path.stat()
    except (OSError, ValueError):
        return PhotoFile(path, shown, 0, 0)
    return PhotoFile(path, shown, stat.st_size, stat.st_mtime_ns)


def list_photos(paths: Iterable[Path]) -> Listing:
    """List files as they are named, and every photo in named folders and the folders in them, by name.

    In a folder, a file is a photo by its first bytes; one whose ending promises a photo is listed unseen, so
    that its refusal is told. A file that is reached twice is listed once. What cannot be looked into is
    listed as if it were a photo.
    """
    left_out = LeftOut()
    found = {
        path: None
        for named in paths
        for path in (photos_within(named, left_out) if named.is_dir() else (named,))
    }
    files, alike = _told_apart([photo_file(path) for path in found])
    return Listing(files, left_out, alike)


def photos_within(folder: Path, left_out: LeftOut) -> Iterator[Path]:
    """Yield the photos of a folder and of the folders in it, by name, and count everything else."""
    shut: list[Path] = []
    for place, folders, files in os.walk(folder, onerror=lambda error: shut.append(Path(error.filename))):
        folders[:] = [name for name in sorted(folders) if _is_walked(folder, Path(place, name), left_out)]
        for name in sorted(files):
            path = Path(place, name)
            reason = why_left_out(path)
            if reason is None:
                yield path
            else:
                left_out.add(reason, shown_name(path.relative_to(folder)))
    yield from shut


def why_left_out(path: Path) -> str | None:
    """Say why a file of a folder is no photo, by its name and then by its first bytes; None where it is one.

    The name alone decides where its ending promises a photo: that is most files, which are opened once then.
    """
    why = unwanted(_as_on_disk(path.name))
    if why is not None:
        return UNWANTED[why]
    if path.name.startswith("."):
        return HIDDEN
    return None if promises_picture(path.name) else _why_no_picture(path)


def read_photo(path: Path, max_bytes: int) -> bytes:
    """Return a photo's bytes.

    Raises:
        PhotoMissing: there is none, or it cannot be read.
        PhotoTooManyBytes: it is longer than that.
    """
    if path.is_dir():
        raise PhotoMissing("folder")
    if not path.is_file():
        raise PhotoMissing("file")
    try:
        if path.stat().st_size > max_bytes:
            raise PhotoTooManyBytes("file", most_mb=max_bytes / 1e6)
        return path.read_bytes()
    except OSError:
        raise PhotoMissing("unreadable") from None


def _as_on_disk(path: Path | str) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _told_apart(files: list[PhotoFile]) -> tuple[list[PhotoFile], tuple[str, ...]]:
    """Show files as the disk has them where their canonical paths are one, and return those too."""
    counts = Counter(file.shown for file in files if not file.shown.isascii())
    twice = {shown for shown, count in counts.items() if count > 1}
    if not twice:
        return files, ()
    apart = [replace(file, shown=_as_on_disk(file.path)) if file.shown in twice else file for file in files]
    return apart, tuple(sorted(twice))


def _is_walked(root: Path, folder: Path, left_out: LeftOut) -> bool:
    """Say whether photos are looked for in a folder; count it, or the files in it, where they are not.

    Thumbnails and what systems keep for themselves are counted file by file. Bins and snapshots may hold
    everything many times over: they are counted as what they are, like hidden folders.
    """
    why, shown = unwanted(f"{_as_on_disk(folder.name)}/photo"), shown_name(folder.relative_to(root)) + "/"
    if why == "deleted" or (why is None and folder.name.startswith(".")):
        left_out.add(UNWANTED[why] if why else HIDDEN, shown)
    elif why is not None:
        for place, _, files in os.walk(folder):
            for name in files:
                left_out.add(UNWANTED[why], shown_name(Path(place, name).relative_to(root)))
    elif folder.is_symlink():
        left_out.add(LINK, shown)
    else:
        return True
    return False


def _why_no_picture(path: Path) -> str | None:
    """Say why a file is no photo by its first bytes; one that cannot be read is told of when it is judged."""
    if not path.is_file():
        return NO_PICTURE
    try:
        with path.open("rb", buffering=0) as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return None
    if not head:
        return EMPTY
    return None if is_picture(head) else NO_PICTURE
