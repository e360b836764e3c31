"""Photos whose age is known to lie in a window: a folder with labels.csv of `file`, `age_lo` and `age_hi`.

An official portrait shows a politician somewhere between election and retirement: the birth date gives two
ages between which the photo was taken. A column `age` is exact and counts before the window, where it is
filled in.
"""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

from simsvc.domain.files.csv_table import read_table
from simsvc.domain.gallery.labels import COLUMNS, MAX_AGE_YEARS, parse_label_table
from simsvc.errors import LabelsUnreadable, TableUnreadable
from trainer.datasets.formats.folder import find_table, labelled_photos
from trainer.datasets.formats.rows import Row, SourceListing
from trainer.datasets.formats.text_file import read_bytes

ENDS = ("age_lo", "age_hi")


def read(path: Path, source: str) -> SourceListing:
    """Read a folder with such a table, or the table itself.

    Raises:
        LabelsUnreadable: there is no such table, or it lacks a column.
    """
    table_path = find_table(path)
    text, windows, problems = _with_ages(read_bytes(table_path))
    labels = parse_label_table(text)
    listing = labelled_photos(table_path.parent, labels.rows, source)
    rows = tuple(_windowed(row, windows.get(row.reference)) for row in listing.rows)
    return SourceListing(rows, (*problems, *labels.problems, *listing.problems))


def _windowed(row: Row, window: tuple[float, float] | None) -> Row:
    return row if window is None else replace(row, age_lo_years=window[0], age_hi_years=window[1])


def _with_ages(data: bytes) -> tuple[str, dict[str, tuple[float, float]], list[tuple[str, str]]]:
    """Return the table with every age filled in, the window by file, and (file, why) of bad windows."""
    windows: dict[str, tuple[float, float]] = {}
    problems: list[tuple[str, str]] = []
    written = io.StringIO()
    writer = csv.writer(written)
    try:
        table = read_table(data, (*COLUMNS, *ENDS))
        at = {name: table.position(name) for name in ("file", *ENDS)}
        if None in at.values():
            raise LabelsUnreadable(
                "The label table has no columns file, age_lo and age_hi. Its first line must name them."
            )
        age_at = table.position("age_years", "age")
        writer.writerow((*table.columns, "age_years"))
        for row in table.rows:
            cells = {name: row.cells[position] for name, position in at.items() if position is not None}
            age = row.cells[age_at] if age_at is not None else ""
            try:
                window = _window(cells["age_lo"], cells["age_hi"])
            except ValueError as error:
                problems.append((cells["file"] or f"row {row.line}", str(error)))
                continue
            if not age and window[0] < window[1]:
                windows[cells["file"]] = window
            writer.writerow((*row.cells, age or sum(window) / 2))
    except TableUnreadable as error:
        raise LabelsUnreadable("table", problem=error.message) from None
    return written.getvalue(), windows, problems


def _window(low: str, high: str) -> tuple[float, float]:
    try:
        ends = float(low.replace(",", ".")), float(high.replace(",", "."))
    except ValueError:
        raise ValueError("age_lo and age_hi must be numbers, such as 50 and 55") from None
    if not all(0 <= end <= MAX_AGE_YEARS for end in ends):
        raise ValueError(f"age_lo and age_hi must be from 0 to {MAX_AGE_YEARS:.0f}")
    if ends[0] > ends[1]:
        raise ValueError(f"the window is the wrong way round: age_lo {low} is above age_hi {high}")
    return ends
