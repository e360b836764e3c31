"""Queries that go with every request, handed to the driver itself; their rows have names."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, Select

from simsvc.store.prepared import Prepared


class Lookup:
    """Finds the one row that a query by one value has."""

    def __init__(self, query: Select[Any], asked: str) -> None:
        """Prepare a query whose one parameter has this name."""
        self._query, self._asked = Prepared(query), asked
        self._names = query.selected_columns.keys()

    def first(self, connection: Connection, value: Any) -> SimpleNamespace | None:
        """Return the row, its values by the names of the columns, or None."""
        row = self._query.first(connection, {self._asked: value})
        return SimpleNamespace(**dict(zip(self._names, row, strict=True))) if row else None
