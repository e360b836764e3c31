"""Tables for spreadsheet programs, which take some cells for formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - full-width on purpose
"""Source: OWASP, "CSV Injection": a cell that begins so may be taken for a formula."""


def neutral_cell(text: str) -> str:
    """Return the text with an apostrophe before it where a spreadsheet program might run it.

    Source: OWASP, "CSV Injection". Blanks before it count, because some programs trim them.
    """
    begins = text.lstrip(" \u00a0\u3000")
    return f"'{text}" if begins.startswith(FORMULA_BEGINNINGS) else text


def csv_line(cells: Iterable[object]) -> str:
    """Return one line of RFC 4180: None is empty, every cell is quoted."""
    line = io.StringIO(newline="")
    texts = ["" if cell is None else str(cell) for cell in cells]
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow([neutral_cell(text) for text in texts])
    return line.getvalue()


def to_csv(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return a table as CSV: UTF-8 with the mark that spreadsheet programs look for."""
    return "".join(csv_line(row) for row in (heading, *rows)).encode("utf-8-sig")
