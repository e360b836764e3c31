from __future__ import annotations

import re
from pathlib import Path

import simsvc.wiring.services  # noqa: F401 - imports every store, and so every table
from simsvc.store.tables import Table

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "what-is-kept.md"
ROW = re.compile(r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \| \S.* \| \S.* \|$", re.MULTILINE)
"""A table, its columns, what it is, how it ends."""


def test_every_table_and_column_is_listed_with_its_end() -> None:
    """The page of what is kept names each table with exactly its columns; both change together."""
    listed = {table: re.findall(r"`(\w+)`", columns) for table, columns in ROW.findall(PAGE.read_text())}
    tables = {
        table.name: [column.name for column in table.columns] for table in Table.metadata.tables.values()
    }
    assert listed == tables
