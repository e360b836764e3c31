"""Faces without ages: a folder of photos, whose names a labels.csv lists in the column `file`.

They are taught by other models alone and belong to no split.
"""

from __future__ import annotations

import math
from pathlib import Path

from simsvc.domain.files.csv_table import read_table
from simsvc.domain.gallery.labels import safe_relative_path
from simsvc.errors import LabelsUnreadable, SourceEmpty, TableUnreadable
from trainer.datasets.formats.folder import TABLE_NAME
from trainer.datasets.formats.rows import Row
from trainer.datasets.formats.text_file import read_bytes

KIND = "unlabelled"  # sources of this name, or of it with a suffix, hold no ages
ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}


def is_unlabelled(source: str) -> bool:
    """Say whether a source of this name holds no ages."""
    return source.partition(":")[0] == KIND


def read(path: Path, source: str) -> tuple[Row, ...]:
    """Return the photos of the folder in order of their names; their age is NaN.

    Raises:
        SourceEmpty: it holds none.
        LabelsUnreadable: its labels.csv cannot be read, or names no files.
    """
    table = path / TABLE_NAME
    photos = (entry.name for entry in path.iterdir() if entry.suffix.lower() in ENDINGS)
    names = sorted(set(_named(table) if table.is_file() else photos))
    rows = tuple(Row(path / name, math.nan, source, name) for name in names if (path / name).is_file())
    if not rows:
        raise SourceEmpty(f"There is no photo in {path}. Check the path of the source '{source}'.")
    return rows


def _named(table: Path) -> list[str]:
    try:
        read_in = read_table(read_bytes(table), ("file",))
        at = read_in.position("file")
        if at is None:
            raise LabelsUnreadable(f"{table} has no column named file.")
        return [safe_relative_path(row.cells[at]) for row in read_in.rows]
    except (TableUnreadable, ValueError) as error:
        raise LabelsUnreadable(f"{table} cannot be read: {error}.") from None
