"""Write CSV that is safe for spreadsheet programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - full-width on purpose
"""Source: OWASP, "CSV Injection": a cell with such a beginning may be run as a formula."""


def neutral_cell(text: str) -> str:
    """Return the text, with an apostrophe if a spreadsheet might run it as a formula.

    Source: OWASP, "CSV Injection". Leading blanks are ignored, because some programs trim them.
    """
    begins = text.lstrip(" \u00a0\u3000")
    return f"'{text}" if begins.startswith(FORMULA_BEGINNINGS) else text


def csv_line(cells: Iterable[object]) -> str:
    """Return one CSV line (RFC 4180) with quoted cells; None is empty."""
    line = io.StringIO(newline="")
    texts = ["" if cell is None else str(cell) for cell in cells]
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow([neutral_cell(text) for text in texts])
    return line.getvalue()


def to_csv(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return a table as CSV in UTF-8 with a byte order mark for spreadsheets."""
    return "".join(csv_line(row) for row in (heading, *rows)).encode("utf-8-sig")
