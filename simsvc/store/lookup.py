"""Queries that go with every request, handed to the driver itself, as `store.prepared` does with inserts.

SQLAlchemy writes their SQL and tells how values are converted there and back, once for each dialect.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, Dialect, Select

from simsvc.store.prepared import driver_cursor

Convert = Callable[[Any], Any]


class _Written:
    """A query as one dialect writes it."""

    def __init__(self, query: Select[Any], asked: str, dialect: Dialect) -> None:
        compiled = query.compile(dialect=dialect)
        self.sql = compiled.string
        self._name = None if compiled.positional else asked
        self._sent = compiled.binds[asked].type.dialect_impl(dialect).bind_processor(dialect)
        self._found: list[Convert | None] = [
            column.type.dialect_impl(dialect).result_processor(dialect, None)
            for column in query.selected_columns
        ]

    def arguments(self, value: Any) -> Any:
        """Return the value as the driver takes it."""
        sent = self._sent(value) if self._sent else value
        return (sent,) if self._name is None else {self._name: sent}

    def values(self, row: Any) -> list[Any]:
        """Return the values of what the driver gives as SQLAlchemy would."""
        return [convert(value) if convert else value for convert, value in zip(self._found, row, strict=True)]


class Lookup:
    """Finds the one row that a query by one value has."""

    def __init__(self, query: Select[Any], asked: str) -> None:
        """Prepare a query whose one parameter has this name."""
        self._query, self._asked = query, asked
        self._names = query.selected_columns.keys()
        self._written: dict[str, _Written] = {}

    def first(self, connection: Connection, value: Any) -> SimpleNamespace | None:
        """Return the row, its values by the names of the columns, or None."""
        written = self._for(connection.dialect)
        with driver_cursor(connection, written.sql) as cursor:
            cursor.execute(written.sql, written.arguments(value))
            row = cursor.fetchone()
        return SimpleNamespace(**dict(zip(self._names, written.values(row), strict=True))) if row else None

    def _for(self, dialect: Dialect) -> _Written:
        if dialect.name not in self._written:
            self._written[dialect.name] = _Written(self._query, self._asked, dialect)
        return self._written[dialect.name]
