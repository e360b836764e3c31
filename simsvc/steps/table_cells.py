"""Cells of a CSV file that a spreadsheet will open."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - full width
"""Source: OWASP, "CSV Injection", which names the full-width forms too."""


def neutral(cell: object) -> str:
    """Return a cell as text that no spreadsheet runs: what could start a formula gets an apostrophe first."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.lstrip(" ").startswith(STARTS_A_FORMULA) else text


def csv_line(cells: Sequence[object]) -> str:
    """Return one line of RFC 4180, every cell quoted, so that no separator of a cell splits it."""
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow([neutral(cell) for cell in cells])
    return line.getvalue()
