"""Find photos in folders by content, and read them with a size limit."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from simsvc.domain.estimate.output.table_rows import Key
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
    """A photo file, or an object by its URL; size and modification time as listed, or 0 if unreadable."""

    path: Path | str
    shown: str
    size_bytes: int
    changed_ns: int

    @property
    def key(self) -> Key:
        """Identity of the file, which changes if it is replaced."""
        return self.shown, self.size_bytes, self.changed_ns


@dataclass(frozen=True, slots=True)
class Listing:
    """Listed files and folders; names that are `alike` but for their Unicode form are shown as stored."""

    files: list[PhotoFile]
    left_out: LeftOut
    alike: tuple[str, ...] = ()


def shown_name(path: Path | str) -> str:
    """Return a printable path in canonical form."""
    return canonical_name(_as_on_disk(path))


def photo_file(path: Path) -> PhotoFile:
    """Return a file with its current state, even if missing."""
    shown = shown_name(path)
    try:
        stat = path.stat()
    except (OSError, ValueError):
        return PhotoFile(path, shown, 0, 0)
    return PhotoFile(path, shown, stat.st_size, stat.st_mtime_ns)


def list_photos(paths: Iterable[Path]) -> Listing:
    """List named files, and all photos in named folders and their subfolders, by name.

    In folders, photos are recognised by their first bytes; files with a photo extension are always listed, so
    that problems are reported. Files reached twice are listed once. Unreadable files are listed too.
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
    """Yield the photos of a folder and its subfolders by name, and count other files."""
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
    """Return why a file is not a photo, by name and first bytes, or None if it is.

    Files with a photo extension are not opened, which are most files.
    """
    why = unwanted(_as_on_disk(path.name))
    if why is not None:
        return UNWANTED[why]
    if path.name.startswith("."):
        return HIDDEN
    return None if promises_picture(path.name) else _why_no_picture(path)


def read_photo(path: Path, max_bytes: int) -> bytes:
    """Return a photo's bytes; raises PhotoMissing if it is unreadable, PhotoTooManyBytes if too large."""
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
    """Show ambiguous files with their stored names, and return them too."""
    counts = Counter(file.shown for file in files if not file.shown.isascii())
    twice = {shown for shown, count in counts.items() if count > 1}
    if not twice:
        return files, ()
    apart = [replace(file, shown=_as_on_disk(file.path)) if file.shown in twice else file for file in files]
    return apart, tuple(sorted(twice))


def _is_walked(root: Path, folder: Path, left_out: LeftOut) -> bool:
    """Return whether to search a folder for photos; otherwise count it or its files.

    Thumbnails and system files are counted one by one. Bins, snapshots and hidden folders, which may be huge,
    count as one.
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
    """Return why a file is not a photo by its first bytes; unreadable files are reported later."""
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
