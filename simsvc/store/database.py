"""The connection to the database, and the one transaction a unit of work gets."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url, select
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError, SQLAlchemyError
from sqlalchemy.orm import Session

from simsvc.errors import StoreError, StoreNotMigrated
from simsvc.store.tables import EstimateRow

BUSY_TIMEOUT_MS = 5_000
"""How long a writer waits for another one; estimates are written in a few milliseconds each."""


class Database:
    """An engine and its transactions. Opens no connection before the first transaction."""

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Give a session that commits at the end and rolls back on any error.

        Raises:
            StoreNotMigrated: tables are missing.
            StoreError: the database cannot be used.
        """
        try:
            with Session(self.engine, expire_on_commit=False) as session, session.begin():
                yield session
        except SQLAlchemyError as error:
            raise _typed(error) from error

    def check(self) -> None:
        """Ask the estimates table for nothing, to see that it answers.

        Raises:
            StoreNotMigrated: tables are missing.
            StoreError: the database cannot be used.
        """
        with self.transaction() as session:
            session.execute(select(EstimateRow.sequence).limit(1))

    def scrub(self, *tables: str) -> None:
        """Overwrite what deleted rows left in the database's own files, as far as it lets itself be asked to.

        SQLite overwrites them when they are deleted (secure_delete) and keeps copies in its write-ahead log
        until that is folded in. PostgreSQL frees their place in the tables. Neither reaches back-ups, nor
        PostgreSQL's own write-ahead log.

        Raises:
            StoreError: the database cannot be used.
        """
        try:
            with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                if self.engine.dialect.name == "sqlite":
                    connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                else:
                    connection.exec_driver_sql(f"VACUUM {', '.join(tables)}")
        except SQLAlchemyError as error:
            raise _typed(error) from error

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def open_engine(url: str) -> Engine:
    """Return an engine; a SQLite file gets its folder, WAL, a busy timeout and enforced foreign keys.

    Raises:
        StoreError: the URL names no database that can be opened here.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database not in {None, "", ":memory:"}:
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, pool_pre_ping=True, hide_parameters=True)
    except (ArgumentError, ImportError, OSError, SQLAlchemyError) as error:
        raise StoreError(
            "The database cannot be opened. Check DATABASE_URL, and that its driver is installed."
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")  # first: the others may have to wait already
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _typed(error: SQLAlchemyError) -> StoreError:
    text = str(error)
    missing = isinstance(error, (OperationalError, ProgrammingError)) and (
        "no such table" in text or "no such column" in text or "UndefinedTable" in text
    )
    if missing:
        return StoreNotMigrated("The database lacks this version's tables. Run `flask db upgrade`.")
    return StoreError("The database cannot be used just now. Try again; if it persists, tell the operator.")
