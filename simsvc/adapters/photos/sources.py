"""Readers of reference photos from local folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from simsvc.adapters.photos.named_files import Named, find_named
from simsvc.adapters.photos.photo_files import shown_name, why_left_out
from simsvc.domain.files.file_names import UNWANTED, unwanted
from simsvc.domain.files.left_out import LeftOut
from simsvc.domain.gallery.labelled_faces import LabelledPhoto, LabelledSource
from simsvc.domain.gallery.labels import (
    COLUMNS,
    MAX_AGE_YEARS,
    LabelRow,
    parse_utkface_name,
    read_label_table,
)
from simsvc.domain.gallery.manifest import NAME_PATTERN, Skipped
from simsvc.errors import FacesRefused, LabelsUnreadable, SourceEmpty, SourceUnknown

LABELS = "labels.csv"
"""Table of a plain folder: columns `file` and `age`."""
FOLDER, UNLABELLED = "folder", f"photo that {LABELS} does not name"
MISSING, OTHER_CASE, TWO_FILES = "missing_file", "differs_in_case", "two_files_of_one_name"
_WORDS = {
    MISSING: "there is no such file in the folder",
    OTHER_CASE: "the file's name differs in case",
    TWO_FILES: "two files have this name, written by Unicode in two ways",
}
"""Texts of the reasons of rows."""
_MOST_REASONS = 3


def photos_of_one_age(name: str, path: Path, age_years: float) -> LabelledSource:
    """List a photo, or all photos of a folder, with one label.

    Raises SourceUnknown if the name is not valid, SourceEmpty if there are no photos, FacesRefused if the age
    is not valid.
    """
    _check_named(name)
    if not 0.0 <= age_years <= MAX_AGE_YEARS:
        raise FacesRefused("age", most_years=MAX_AGE_YEARS)
    left_out = LeftOut()
    files = [path] if path.is_file() else list(_photos_in(path, left_out))
    if not files:
        raise SourceEmpty("no_photo", path=_called(path), left_out=_listed(left_out.lines()))
    photos, skipped = _told_apart(files, age_years)
    return _sorted(name, photos, skipped, aligned=False, notes=left_out.lines())


def read_source(reader: str, path: Path, name: str = "") -> LabelledSource:
    """List the photos of a "demo", "folder" or "utkface"; malformed entries are listed as skipped.

    The name of the data set defaults to the reader.
    Raises SourceUnknown if the reader does not exist, SourceEmpty if the folder is missing or has no usable
    photo, LabelsUnreadable if the label table is not valid.
    """
    read, name = _READERS.get(reader), name or reader
    if read is None:
        raise SourceUnknown("reader", reader=reader, readers=", ".join(SOURCES))
    _check_named(name)
    if not path.is_dir():
        raise SourceEmpty("no_folder", name=name, path=_called(path))
    return read(name, path)


def _called(path: Path) -> str:
    """Return the name of a path, also for "."."""
    return path.name or path.absolute().name


def _check_named(name: str) -> None:
    if not NAME_PATTERN.fullmatch(name):
        raise SourceUnknown("name", name=name)


def _photos_in(folder: Path, left_out: LeftOut) -> Iterable[Path]:
    for path in folder.iterdir() if folder.is_dir() else ():
        reason = _why_left_out(path)
        if reason is None:
            yield path
        else:
            left_out.add(reason, shown_name(path.name))


def _why_left_out(path: Path) -> str | None:
    if not path.is_dir():
        return why_left_out(path)
    why = unwanted(f"{shown_name(path.name)}/photo")
    return UNWANTED[why] if why else FOLDER


def _told_apart(files: list[Path], age_years: float) -> tuple[list[LabelledPhoto], list[Skipped]]:
    names = Counter(shown_name(file.name) for file in files)
    photos = [
        LabelledPhoto(file, shown_name(file.name), age_years)
        for file in files
        if names[shown_name(file.name)] == 1
    ]
    return photos, [Skipped(name, TWO_FILES) for name, count in names.items() if count > 1]


def _utkface(name: str, path: Path) -> LabelledSource:
    photos: list[LabelledPhoto] = []
    skipped: list[Skipped] = []
    left_out = LeftOut()
    for file in _photos_in(path, left_out):
        label = parse_utkface_name(file.name)
        if label is None:
            skipped.append(Skipped(shown_name(file.name), "malformed_name"))
        else:
            photos.append(LabelledPhoto(file, file.name, float(label.age_years)))
    source = _sorted(name, photos, skipped, aligned=True, notes=left_out.lines())
    if not photos:
        named = (
            f" {len(skipped):,} photos there are named otherwise, such as {source.skipped[0].reference!r}."
        )
        raise SourceEmpty(
            "no_name", path=_called(path), named=named if skipped else "", left_out=_listed(source.notes)
        )
    return source


def _folder(name: str, path: Path) -> LabelledSource:
    return _table(name, path, aligned=False)


def _demo(name: str, path: Path) -> LabelledSource:
    return replace(_table(name, path, aligned=True), notes=(), composite=True)


def _table(name: str, path: Path, *, aligned: bool) -> LabelledSource:
    table = read_label_table(_labels(path))
    left_out = LeftOut()
    found = find_named(path, (row.file for row in table.rows), _counter(path, left_out))
    photos, missing, hints = _existing(table.rows, found)
    skipped = [*(Skipped(reference, reason) for reference, reason in table.problems), *missing]
    notes = [*hints, *left_out.lines()]
    if table.unknown_columns:
        notes.append(
            f"Columns of {LABELS} that are not read: {', '.join(table.unknown_columns)} "
            f"(those that are: {', '.join(COLUMNS)})"
        )
    source = _sorted(name, photos, skipped, aligned=aligned, notes=notes)
    if not photos:
        raise SourceEmpty("no_row", problem=_why_no_row(path, source))
    return source


def _labels(path: Path) -> bytes:
    try:
        return (path / LABELS).read_bytes()
    except FileNotFoundError:
        other = next((entry.name for entry in path.iterdir() if entry.name.lower() == LABELS), None)
        cure = f"Rename {other!r}: case counts." if other else "Put one there, with the columns file and age."
        raise SourceEmpty("no_labels", path=_called(path), cure=cure) from None
    except OSError as error:
        raise LabelsUnreadable("permission", path=_called(path), problem=error.strerror) from None


def _counter(root: Path, left_out: LeftOut) -> Callable[[Path], None]:
    def count(path: Path) -> None:
        if path != root / LABELS:
            left_out.add(_why_left_out(path) or UNLABELLED, shown_name(path.relative_to(root)))

    return count


def _existing(
    rows: Iterable[LabelRow], found: dict[str, Named]
) -> tuple[list[LabelledPhoto], list[Skipped], list[str]]:
    """Separate rows with one file from those with none or several."""
    photos: list[LabelledPhoto] = []
    missing: list[Skipped] = []
    cases = LeftOut()
    for row in rows:
        named = found[row.file]
        if len(named.paths) == 1:
            photos.append(LabelledPhoto(named.paths[0], row.file, row.age_years, row.person))
        elif named.paths:
            missing.append(Skipped(row.file, TWO_FILES))
        elif named.other_case is not None:
            missing.append(Skipped(row.file, OTHER_CASE))
            cases.add(OTHER_CASE, f"{row.file} is {named.other_case}")
        else:
            missing.append(Skipped(row.file, MISSING))
    hints = [
        f"Case counts in names of files: in the folder, {', '.join(examples)}. Write them so in {LABELS}."
        for examples in cases.examples.values()
    ]
    if any(entry.reason == TWO_FILES for entry in missing):
        hints.append("Two files have one name, written by Unicode in two ways: rename or delete one of them.")
    return photos, missing, hints


def _why_no_row(path: Path, source: LabelledSource) -> str:
    if not source.skipped:
        return (
            f"The file {LABELS} in {_called(path)!r} has no row below its first line. Add one for each photo."
        )
    first: dict[str, str] = {}
    for entry in source.skipped:
        first.setdefault(entry.reason, entry.reference)
    reasons = Counter(entry.reason for entry in source.skipped)
    told = [
        f"{count:,} x {_WORDS.get(reason, reason)} (first: {first[reason]})"
        for reason, count in reasons.most_common(_MOST_REASONS)
    ]
    more = len(reasons) - len(told)
    if more:
        told.append(f"and {more} other reasons")
    return (
        f"None of the {len(source.skipped):,} rows of {LABELS} in {_called(path)!r} can be used: "
        f"{'; '.join(told)}. Correct the table and try again." + _listed(source.notes)
    )


def _listed(notes: Iterable[str]) -> str:
    return "".join(f"\n{note}" for note in notes)


def _sorted(
    name: str, photos: list[LabelledPhoto], skipped: list[Skipped], *, aligned: bool, notes: Iterable[str]
) -> LabelledSource:
    photos.sort(key=lambda photo: photo.reference)
    skipped.sort(key=lambda entry: (entry.reference, entry.reason))
    return LabelledSource(name, aligned, tuple(photos), tuple(skipped), tuple(notes))


_READERS: dict[str, Callable[[str, Path], LabelledSource]] = {
    "demo": _demo,
    "folder": _folder,
    "utkface": _utkface,
}
SOURCES = tuple(_READERS)
"""Names that `read_source` knows."""
