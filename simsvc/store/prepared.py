"""Statements that go with every estimate, handed to the driver itself.

SQLAlchemy writes their SQL and tells how values are converted, as for any other statement, but once for each
dialect: what it does for each execution takes several times as long as the database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import MappingProxyType, SimpleNamespace
from typing import Any

from sqlalchemy import Connection, Dialect, Insert, Select, insert
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError

from simsvc.store.tables import Table

Values = Mapping[str, Any]


class _Written:
    """A statement as one dialect writes it.

    Attributes:
        sql: for the driver.
        fixed: the values that the statement itself has, by name.
        key_at_cursor: whether the driver tells the key of a new row, which others return as a row.
    """

    def __init__(self, statement: Insert | Select[Any], names: Sequence[str], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=list(names))
        self.sql, self.fixed = compiled.string, compiled.params
        self.key_at_cursor = compiled.postfetch_lastrowid
        self._in_order = compiled.positional
        asked = compiled.positiontup or tuple(self.fixed)
        types = {name: compiled.binds[name].type.dialect_impl(dialect) for name in asked}
        self._asked = [(name, types[name].bind_processor(dialect)) for name in asked]
        found = statement.selected_columns if isinstance(statement, Select) else ()
        self._found = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in found]

    def arguments(self, values: Values) -> Any:
        """Return values by name as the driver takes them."""
        if self._in_order:
            return [convert(values[name]) if convert else values[name] for name, convert in self._asked]
        return {name: convert(values[name]) if convert else values[name] for name, convert in self._asked}

    def found(self, row: Sequence[Any]) -> list[Any]:
        """Return the values of a row that the driver gives, as SQLAlchemy would."""
        return [convert(value) if convert else value for convert, value in zip(self._found, row, strict=True)]


class Prepared:
    """A statement that is written once for each dialect."""

    def __init__(self, statement: Insert | Select[Any], names: Sequence[str] = ()) -> None:
        """Prepare a statement; an insert's columns are named."""
        self._statement, self._names = statement, names
        self._written: dict[str, _Written] = {}

    def insert(self, connection: Connection, values: Values) -> int | None:
        """Insert one row and return its key where the database makes it."""
        written = self._for(connection.dialect)
        with driver_cursor(connection, written.sql) as cursor:
            cursor.execute(written.sql, written.arguments(values))
            if written.key_at_cursor:
                return cursor.lastrowid
            row = cursor.fetchone() if cursor.description else None
            return int(row[0]) if row else None

    def insert_all(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Insert rows whose keys are among their values."""
        written = self._for(connection.dialect)
        with driver_cursor(connection, written.sql) as cursor:
            cursor.executemany(written.sql, [written.arguments(values) for values in rows])

    def first(self, connection: Connection, values: Values = MappingProxyType({})) -> list[Any] | None:
        """Return the first row of a query, given the values that it lacks by name, or None."""
        written = self._for(connection.dialect)
        with driver_cursor(connection, written.sql) as cursor:
            cursor.execute(written.sql, written.arguments({**written.fixed, **values}))
            row = cursor.fetchone()
        return written.found(row) if row else None

    def _for(self, dialect: Dialect) -> _Written:
        if dialect.name not in self._written:
            self._written[dialect.name] = _Written(self._statement, self._names, dialect)
        return self._written[dialect.name]


def insertion(row: type[Table], made: str | None = None) -> Prepared:
    """Prepare the insert of a table's rows: every column is given but the one that the database makes."""
    table = Table.metadata.tables[row.__tablename__]
    return Prepared(insert(table), [column.name for column in table.columns if column.name != made])


def driver_cursor(connection: Connection, sql: str) -> AbstractContextManager[DBAPICursor]:
    """Give the driver's own cursor for one statement; its errors come as SQLAlchemy's do.

    Raises:
        DBAPIError: what the driver raised, without the values.
    """
    return _DriverCursor(connection, sql)


class _DriverCursor:
    """What `driver_cursor` gives: a class, because a generator takes as long as a statement."""

    __slots__ = ("_cursor", "_dialect", "_sql")

    def __init__(self, connection: Connection, sql: str) -> None:
        self._cursor, self._dialect, self._sql = connection.connection.cursor(), connection.dialect, sql

    def __enter__(self) -> DBAPICursor:
        return self._cursor

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        self._cursor.close()
        if error is None:
            return
        base = self._dialect.loaded_dbapi.Error
        if isinstance(error, base):
            raise DBAPIError.instance(
                self._sql, None, error, base, hide_parameters=True, dialect=self._dialect
            ) from error


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
