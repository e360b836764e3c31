"""Read small CSV tables of any origin."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from simsvc.errors import TableUnreadable

DELIMITERS = ",;\t"
"""Delimiters of spreadsheets: comma, semicolon where the comma is the decimal sign, tab in Excel's "Unicode
text"."""

_SEP_LINE = re.compile(r'"?sep=([^"\r\n])"?[,;\t]*(?:\r\n|\r|\n|\Z)', re.IGNORECASE)
"""Excel's first line that names the delimiter, possibly quoted."""
_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
"""First bytes of .xlsx and .ods (ZIP) and of .xls (OLE2 compound file)."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row that is not blank: its first line, from 1, a trimmed cell per column, and cells without one."""

    line: int
    cells: tuple[str, ...]
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a header line.

    Attributes:
        columns: names in file order, lower case and trimmed; may be "" or repeated.
        rows: in file order; read lazily, so it can be iterated once and may raise TableUnreadable.
    """

    columns: tuple[str, ...]
    rows: Iterator[Row]

    def position(self, *names: str) -> int | None:
        """Return the position of the first column with one of these names, or None."""
        return next((self.columns.index(name) for name in names if name in self.columns), None)

    def unknown(self, known: Collection[str]) -> tuple[str, ...]:
        """Return the names of other columns, made printable, each once."""
        names = dict.fromkeys(name for name in self.columns if name and name not in known)
        return tuple("".join(char if char.isprintable() else "?" for char in name[:40]) for name in names)


def read_table(data: bytes, known: Collection[str]) -> Table:
    """Read a table from bytes: UTF-8 with or without a byte order mark, or UTF-16 with one.

    Comma, semicolon or tab separate cells, or what a first line such as "sep=;" names; else the known column
    names, in lower case, decide.

    Raises:
        TableUnreadable: it is not text in these encodings.
    """
    return parse_table(table_text(data), known)


def table_text(data: bytes) -> str:
    """Return the text of a table.

    Raises:
        TableUnreadable: it is not text in UTF-8, or in UTF-16 with a byte order mark.
    """
    if data.startswith(_WORKBOOKS):
        raise TableUnreadable("workbook")
    codec, name = next(
        ((codec, name) for mark, codec, name in _ENCODINGS if data.startswith(mark)), ("utf-8", "UTF-8")
    )
    try:
        text = data.decode(codec)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(codec, "ignore")
        raise _not_text(_lines(before) + 1, name) from None
    if "\0" in text:
        raise _not_text(_lines(text.partition("\0")[0]) + 1, name)
    return text.removeprefix("\ufeff")


def parse_table(text: str, known: Collection[str]) -> Table:
    """Read a table from text; see `read_table`.

    Raises:
        TableUnreadable: the first line is not CSV.
    """
    text = text.removeprefix("\ufeff")
    sep = _SEP_LINE.match(text)
    body = text[sep.end() :] if sep else text
    records = _records(body, sep[1] if sep else _delimiter(body, known), 2 if sep else 1)
    _, header = next(records, (1, []))
    columns = tuple(cell.strip().lower() for cell in header)
    return Table(columns, _rows(columns, records))


def _not_text(line: int, encoding: str) -> TableUnreadable:
    return TableUnreadable("encoding", line=line, encoding=encoding)


def _lines(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def _delimiter(body: str, known: Collection[str]) -> str:
    """Return the delimiter that gives the header most known names, then most cells."""
    header = next((line for line in io.StringIO(body, newline=None) if line.strip()), "")

    def fit(delimiter: str) -> tuple[int, int]:
        cells = next(csv.reader([header], delimiter=delimiter), [])
        return sum(cell.strip().lower() in known for cell in cells), len(cells)

    try:
        return max(DELIMITERS, key=fit)
    except csv.Error:  # a cell is too long: reading the header says so
        return ","


def _records(body: str, delimiter: str, first_line: int) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=delimiter, strict=True)
    line = first_line
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = first_line + reader.line_num
    except csv.Error as error:
        if "limit" in str(error):
            raise TableUnreadable("cell", line=line) from None
        raise TableUnreadable("quotes", line=line) from None


def _rows(columns: tuple[str, ...], records: Iterator[tuple[int, list[str]]]) -> Iterator[Row]:
    width = len(columns)
    unnamed = [position for position, name in enumerate(columns) if not name]
    for line, record in records:
        cells = [cell.strip() for cell in record]
        beyond = cells[width:] + [cells[at] for at in unnamed if at < len(cells)]
        cells += [""] * (width - len(cells))
        yield Row(line, tuple(cells[:width]), tuple(cell for cell in beyond if cell))
