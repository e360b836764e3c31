"""Readers of labelled photos: a folder on this machine to the photos in it, in order of reference."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from simsvc.errors import FacesRefused, SourceEmpty, SourceUnknown
from simsvc.steps.gallery import LabelledPhoto, LabelledSource
from simsvc.steps.labels import MAX_AGE_YEARS, LabelRow, parse_label_table, parse_utkface_name
from simsvc.steps.manifest import NAME_PATTERN, Skipped

LABELS = "labels.csv"
"""Table of a plain folder: columns `file` and `age`."""


PHOTO_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif", ".tif", ".tiff", ".bmp", ".gif", ".jp2"}
)
"""Names by which photos are told from other files of a folder; what a file holds decides the decoder."""


def photos_of_one_age(name: str, path: Path, age_years: float) -> LabelledSource:
    """List a photo, or every photo of a folder, under one label.

    Args:
        name: of the data set.
        path: of the photo or the folder.
        age_years: the label.

    Raises:
        SourceUnknown: nothing can be called that.
        SourceEmpty: there is no photo.
        FacesRefused: nobody is so old.
    """
    _check_named(name)
    if not 0.0 <= age_years <= MAX_AGE_YEARS:
        raise FacesRefused(f"An age lies between 0 and {MAX_AGE_YEARS:.0f} years. Correct it and try again.")
    files = [path] if path.is_file() else sorted(path.glob("*")) if path.is_dir() else []
    photos = [
        LabelledPhoto(file, file.name, age_years)
        for file in files
        if file.suffix.lower() in PHOTO_SUFFIXES and not file.name.startswith(".")
    ]
    if not photos:
        raise SourceEmpty(f"There is no photo at {path.name!r}. Name a photo, or a folder that holds photos.")
    return _sorted(name, photos, [], aligned=False)


def read_source(reader: str, path: Path, name: str = "") -> LabelledSource:
    """List the labelled photos of a source; malformed entries are listed beside them, never fatal.

    Args:
        reader: "demo", "folder" or "utkface".
        path: the folder.
        name: what the data set is called; as its reader where it is left out.

    Raises:
        SourceUnknown: no reader of that name.
        SourceEmpty: no folder there, or no labelled photo in it.
        LabelsUnreadable: the table of labels cannot be understood.
    """
    read, name = _READERS.get(reader), name or reader
    if read is None:
        raise SourceUnknown(f"There is no source {reader!r}. Choose one of: {', '.join(SOURCES)}.")
    _check_named(name)
    if not path.is_dir():
        raise SourceEmpty(
            f"The source {name!r} has no folder {path.name!r}. Name an existing one with --path."
        )
    source = read(name, path)
    if not source.photos:
        raise SourceEmpty(
            f"The folder {path.name!r} holds no labelled photo of the source {name!r}. "
            "Check that --source and --path belong together."
        )
    return source


def _check_named(name: str) -> None:
    if not NAME_PATTERN.fullmatch(name):
        raise SourceUnknown(
            f"{name!r} cannot name a data set. Use 1 to 40 lower-case letters, digits, '-' and '_'."
        )


def _utkface(name: str, path: Path) -> LabelledSource:
    photos: list[LabelledPhoto] = []
    skipped: list[Skipped] = []
    for file in path.iterdir():
        if file.suffix.lower() != ".jpg" or file.name.startswith("."):
            continue
        label = parse_utkface_name(file.name)
        if label is None:
            skipped.append(Skipped(file.name, "malformed_name"))
        else:
            photos.append(LabelledPhoto(file, file.name, float(label.age_years)))
    return _sorted(name, photos, skipped, aligned=True)


def _folder(name: str, path: Path) -> LabelledSource:
    return _table(name, path, aligned=False)


def _demo(name: str, path: Path) -> LabelledSource:
    return _table(name, path, aligned=True)


def _table(name: str, path: Path, *, aligned: bool) -> LabelledSource:
    try:
        text = (path / LABELS).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise SourceEmpty(
            f"The folder {path.name!r} has no readable {LABELS}. "
            "Put one there, as UTF-8, with the columns file and age."
        ) from None
    table = parse_label_table(text)
    found, missing = _existing(path, table.rows)
    skipped = [Skipped(reference, reason) for reference, reason in table.problems]
    return _sorted(name, found, [*skipped, *missing], aligned=aligned)


def _existing(path: Path, rows: Iterable[LabelRow]) -> tuple[list[LabelledPhoto], list[Skipped]]:
    """Part the rows whose file lies in the folder from those whose file does not."""
    photos: list[LabelledPhoto] = []
    missing: list[Skipped] = []
    for row in rows:
        file = path / row.file
        if file.is_file():
            photos.append(LabelledPhoto(file, row.file, row.age_years))
        else:
            missing.append(Skipped(row.file, "missing_file"))
    return photos, missing


def _sorted(
    name: str, photos: list[LabelledPhoto], skipped: list[Skipped], *, aligned: bool
) -> LabelledSource:
    photos.sort(key=lambda photo: photo.reference)
    skipped.sort(key=lambda entry: (entry.reference, entry.reason))
    return LabelledSource(name, aligned, tuple(photos), tuple(skipped))


_READERS: dict[str, Callable[[str, Path], LabelledSource]] = {
    "demo": _demo,
    "folder": _folder,
    "utkface": _utkface,
}
SOURCES = tuple(_READERS)
"""Names that `read_source` knows."""
