"""The table of results: CSV, or Parquet with PyArrow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from simsvc.adapters.ops.atomic_files import sync
from simsvc.domain.chunks import chunks_of
from simsvc.domain.estimate.output.table_rows import COLUMNS, Row
from simsvc.domain.files.spreadsheet import csv_line
from simsvc.errors import ResultsRefused

ROWS_A_GROUP = 50_000
"""Rows of a Parquet row group, held in memory at once."""
BYTE_ORDER_MARK = "\ufeff"
"""Byte order mark, so that spreadsheets detect UTF-8."""


def check_kind(path: Path) -> None:
    """Check a table's name; raises ResultsRefused if its extension is unknown, or PyArrow is missing."""
    if path.suffix not in _WRITERS:
        raise ResultsRefused("name")
    if path.suffix == ".parquet":
        _pyarrow()


def write_results(path: Path, rows: Iterable[Row]) -> None:
    """Write a table atomically; raises ResultsRefused if it cannot be written."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _WRITERS[path.suffix](fresh, rows)
        sync(fresh)
        fresh.replace(path)
        sync(path.absolute().parent)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise ResultsRefused("rerun", problem=str(error.strerror)) from None


def _write_csv(path: Path, rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(BYTE_ORDER_MARK + csv_line(COLUMNS))
        file.writelines(csv_line(_cell(row[name]) for name in COLUMNS) for row in rows)


def _cell(value: str | float | bool | None) -> str | float | None:
    return ("yes" if value else "no") if isinstance(value, bool) else value


def _write_parquet(path: Path, rows: Iterable[Row]) -> None:
    arrow = _pyarrow()
    from pyarrow import parquet  # noqa: PLC0415 - optional, see pyproject's extra "parquet"

    types = {"text": arrow.string(), "number": arrow.float64(), "yes or no": arrow.bool_()}
    schema = arrow.schema([(name, types[kind]) for name, kind in COLUMNS.items()])
    with parquet.ParquetWriter(path, schema) as writer:
        for group in chunks_of(rows, ROWS_A_GROUP):
            writer.write_table(arrow.Table.from_pylist(list(group), schema=schema))


def _pyarrow() -> Any:
    try:
        import pyarrow  # noqa: PLC0415, ICN001 - optional, see pyproject's extra "parquet"
    except ImportError:
        raise ResultsRefused("parquet") from None
    return pyarrow


_WRITERS: Mapping[str, Callable[[Path, Iterable[Row]], None]] = {
    ".csv": _write_csv,
    ".parquet": _write_parquet,
}
