"""Copy every record of one database into another, which has none: from SQLite to PostgreSQL.

Each table is copied in the order of its keys, in steps that are committed, so that a copy that was cut off
goes on where it ended: the rows that are there are the first ones. The log comes last. A database without
events is therefore one whose copy has not ended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Connection, Row, Table, func, inspect, select, text

from simsvc.errors import AdoptionRefused
from simsvc.store import migrate
from simsvc.store.database import Database
from simsvc.store.tables import EventContentRow, EventRow
from simsvc.store.tables import Table as Tables

ROWS_A_STEP = 500
"""Rows that are inserted together: some 20 MB of crops, of 40 KB a record as `make bench` measures."""
OF_A_HOST = frozenset({"hosts", "served_pointer", "face_change_sets"})
"""Tables that say what runs and what is in service: with SQLite, files say so."""
Progress = Callable[[int, int], None]
"""Called with (rows done, total)."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What became of a table: its rows, and how many of them this run copied."""

    table: str
    rows: int
    new: int


def copy_records(source: Database, target: Database, progress: Progress) -> tuple[Copied, ...]:
    """Copy all tables, go on where an earlier copy was cut off, and compare every row afterwards.

    Raises:
        AdoptionRefused: the target has records of another installation, or differs after the copy.
        StoreError: one of the databases cannot be used, or is of another version.
    """
    check_target(source, target)
    tables = _tables(source)
    total, done = sum(_count(source, table) for table in tables), 0
    copied = []
    for table in tables:
        found = _copy_table(source, target, table, _counting_on(progress, done, total))
        done += found.rows
        copied.append(found)
    for table in tables:
        if _digest(source, table) != _digest(target, table):
            raise AdoptionRefused("differs", table=table.name)
    _continue_numbers(source, target, tables)
    return tuple(copied)


def check_target(source: Database, target: Database) -> None:
    """See that the target may take the records, and make room for them.

    Raises:
        AdoptionRefused: it has records of another installation, or the source has tables that nobody knows.
        StoreError: one of the databases cannot be used, or is of another version.
    """
    _tables(source)
    for database in (source, target):
        migrate.require_newest(database.engine)
    _make_room(source, target)


def _counting_on(progress: Progress, before: int, total: int) -> Callable[[int], None]:
    return lambda rows: progress(before + rows, total)


def _tables(source: Database) -> tuple[Table, ...]:
    """Return the tables to copy, each after those that it refers to, the log last."""
    known = Tables.metadata.sorted_tables
    with source.read_connection() as connection:
        there = set(inspect(connection).get_table_names()) - {"alembic_version"}
    if unknown := there - {table.name for table in known}:
        raise AdoptionRefused("unknown_tables", names=", ".join(sorted(unknown)))
    wanted = [table for table in known if table.name in there - OF_A_HOST]
    return tuple(sorted(wanted, key=_is_of_the_log))  # sorted() keeps the order of the others


def _is_of_the_log(table: Table) -> bool:
    """Return whether a table is that of the events, or refers to it."""
    events = EventRow.__tablename__
    return table.name == events or any(key.column.table.name == events for key in table.foreign_keys)


def _make_room(source: Database, target: Database) -> None:
    """See that the target is empty or a begun copy; an empty one's first event is that of its migration."""
    first = select(EventRow.sha256).where(EventRow.seq == 1)
    with source.read_connection() as connection:
        wanted = connection.scalar(first)
    with target.write_connection() as connection:
        found = connection.scalar(first)
        if found in {None, wanted}:
            return
        if connection.scalar(select(func.max(EventRow.seq))) != 1 or _holds_records(connection):
            raise AdoptionRefused("in_use")
        _drop_first_event(connection)


def _holds_records(connection: Connection) -> bool:
    skipped = {*OF_A_HOST, *(EventRow.__tablename__, EventContentRow.__tablename__)}
    tables = [table for table in Tables.metadata.sorted_tables if table.name not in skipped]
    return any(connection.execute(select(1).select_from(table).limit(1)).first() for table in tables)


def _drop_first_event(connection: Connection) -> None:
    """Delete the event with which a migration begins a log, in a database that never recorded anything."""
    tables = (EventContentRow.__tablename__, EventRow.__tablename__)
    for table in tables:
        connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - a name of this program's own
    for table in tables:
        connection.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))


def _copy_table(source: Database, target: Database, table: Table, progress: Callable[[int], None]) -> Copied:
    start = done = _count(target, table)
    query = select(table).order_by(*table.primary_key.columns).offset(start)
    with source.read_connection() as connection:
        rows = iter(connection.execution_options(yield_per=ROWS_A_STEP).execute(query))
        while step := list(islice(rows, ROWS_A_STEP)):
            with target.write_connection() as writer:
                writer.execute(table.insert(), [row._asdict() for row in step])
            done += len(step)
            progress(done)
    return Copied(table.name, done, done - start)


def _count(database: Database, table: Table) -> int:
    with database.read_connection() as connection:
        return int(connection.scalar(select(func.count()).select_from(table)) or 0)


def _digest(database: Database, table: Table) -> tuple[int, int]:
    """Return the number of rows and the sum of their hashes: the same in any order.

    Databases sort text differently. Rows are distinct, because they have keys.
    """
    count = total = 0
    for row in _rows(database, table):
        count += 1
        total += int.from_bytes(hashlib.sha256(repr(tuple(row)).encode("utf-8", "surrogatepass")).digest())
    return count, total % 2**256


def _rows(database: Database, table: Table) -> Iterator[Row[tuple[object, ...]]]:
    with database.read_connection() as connection:
        yield from connection.execution_options(yield_per=ROWS_A_STEP).execute(select(table))


def _continue_numbers(source: Database, target: Database, tables: tuple[Table, ...]) -> None:
    """Let numbers go on where the source's ended, those of erased records included."""
    used = _used_numbers(source)
    with target.write_connection() as connection:
        for table in tables:
            column = table.autoincrement_column
            if column is None:
                continue
            sequence = connection.scalar(select(func.pg_get_serial_sequence(table.name, column.name)))
            last = max(used.get(table.name, 0), connection.scalar(select(func.max(column))) or 0)
            if sequence and last:
                connection.execute(select(func.setval(sequence, last)))


def _used_numbers(source: Database) -> dict[str, int]:
    """Return the highest number that SQLite ever gave in each table that never gives one twice."""
    if source.engine.dialect.name != "sqlite":
        return {}
    with source.read_connection() as connection:
        rows = connection.execute(text("SELECT name, seq FROM sqlite_sequence"))
        return {str(name): int(last) for name, last in rows}
