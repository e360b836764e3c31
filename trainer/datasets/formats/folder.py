"""One's own faces: a folder of photos and a CSV of labels, see `simsvc.domain.gallery.labels`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from simsvc.adapters.photos.named_files import Named, find_named
from simsvc.domain.gallery.labels import LabelRow, read_label_table
from simsvc.errors import LabelsUnreadable
from trainer.datasets.formats.rows import Row, SourceListing
from trainer.datasets.formats.text_file import read_bytes

TABLE_NAME = "labels.csv"


def read(path: Path, source: str) -> SourceListing:
    """Read a folder with labels.csv (or one other CSV), or the CSV next to its photos.

    Raises:
        LabelsUnreadable: there is no such table, or it lacks a column.
    """
    table_path = find_table(path)
    table = read_label_table(read_bytes(table_path))
    listing = labelled_photos(table_path.parent, table.rows, source)
    return SourceListing(listing.rows, (*table.problems, *listing.problems))


def labelled_photos(folder: Path, labels: Sequence[LabelRow], source: str) -> SourceListing:
    """Return the rows of labelled photos that lie in the folder; missing ones are problems."""
    root = folder.resolve()
    found = find_named(root, (label.file for label in labels), lambda _: None)
    rows: list[Row] = []
    problems: list[tuple[str, str]] = []
    for label in labels:
        named = found[label.file]
        if len(named.paths) != 1:
            problems.append((label.file, _why_none(named)))
        elif not named.paths[0].resolve().is_relative_to(root):
            problems.append((label.file, "the file is a link that leaves the folder"))
        else:
            who = label.person, label.gender, label.group
            rows.append(Row(named.paths[0], label.age_years, source, label.file, *who))
    return SourceListing(tuple(rows), tuple(problems))


def _why_none(named: Named) -> str:
    if named.paths:
        return "two files have this name, written by Unicode in two ways"
    return (
        f"in the folder it is {named.other_case}: case counts" if named.other_case else "the photo is missing"
    )


def find_table(folder: Path) -> Path:
    """Return the path of the folder's label table; the path itself where it is one.

    Raises:
        LabelsUnreadable: the folder holds none, or several of which none is named labels.csv.
    """
    if folder.is_file():
        return folder
    if (folder / TABLE_NAME).is_file():
        return folder / TABLE_NAME
    tables = sorted(entry for entry in folder.iterdir() if entry.suffix.lower() == ".csv")
    if len(tables) != 1:
        raise LabelsUnreadable(
            f"The folder {folder} holds {len(tables)} CSV files and none is named {TABLE_NAME}. "
            f"Put the labels (file,age) into {TABLE_NAME} beside the photos."
        )
    return tables[0]
