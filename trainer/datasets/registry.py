"""Which reader reads which source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from simsvc.errors import SettingsError, SourceEmpty, SourceUnknown
from trainer.datasets.formats import appa_real, folder, imdb_wiki, utkface, windows
from trainer.datasets.formats.rows import SourceListing

READERS: dict[str, Callable[[Path, str], SourceListing]] = {
    "utkface": utkface.read,
    "appa-real": appa_real.read,
    "imdb": imdb_wiki.read,
    "wiki": imdb_wiki.read,
    "folder": folder.read,
    "windows": windows.read,
}


def named_path(text: str) -> tuple[str, Path]:
    """Return the source and the folder of an argument "NAME=PATH", cut at the first equals sign.

    Raises:
        SettingsError: it is not of that form.
    """
    name, _, path = text.partition("=")
    if not name or not path:
        raise SettingsError(f"--source {text!r} is not of the form NAME=PATH.")
    return name, Path(path)


def read(source: str, path: Path) -> SourceListing:
    """Read a data set; a suffix tells several of one kind apart, such as "folder:clinic".

    Raises:
        SourceUnknown: no reader has that name.
        SourceEmpty: the path does not exist, or has no usable photo.
        LabelsUnreadable: the file that holds the labels is missing, damaged or lacks a column.
    """
    reader = READERS.get(source.partition(":")[0])
    if reader is None:
        raise SourceUnknown(f"There is no source named '{source}'. Choose one of: {', '.join(READERS)}.")
    if not path.exists():
        raise SourceEmpty(f"There is nothing at {path}. Check the path of the source '{source}'.")
    if not path.is_dir() and reader not in (folder.read, windows.read):
        raise SourceEmpty(f"{path} is no folder. Name the folder of the source '{source}'.")
    listing = reader(path, source)
    if not listing.rows:
        raise SourceEmpty(
            f"No photo of '{source}' at {path} can be used ({len(listing.problems)} were left out). "
            "Check that the path names the unpacked data set."
        )
    return listing
