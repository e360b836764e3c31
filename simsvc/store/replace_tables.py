"""Replace the tables of a PostgreSQL database by those of a dump, all or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

from sqlalchemy import Connection, inspect
from sqlalchemy.orm import Session

from simsvc.errors import BackupRefused
from simsvc.store import migrate, postgres
from simsvc.store.database import Database
from simsvc.store.tables import Table

NOT_SQL = b"\\"
"""Begins the lines of a script that only psql understands. Source: PostgreSQL's manual, "psql"."""
NEWER_SQL = b"SET transaction_timeout"
"""Begins a line that servers before PostgreSQL 17 refuse, and that says what `unlimited` has said already."""
END_OF_ROWS = b"\\.\n"


def has_tables(database: Database) -> bool:
    """Return whether the database was ever migrated.

    Raises:
        StoreError: it cannot be read.
    """
    with database.read_connection() as connection:
        return inspect(connection).has_table(migrate.ALEMBIC_VERSION.name)


@contextmanager
def replaced_tables(database: Database, script: Iterable[bytes]) -> Iterator[Session]:
    """Replace all tables by the script of a dump, and upgrade them; give a session that reads them.

    The transaction commits at the end. On any error, the database stays as it was.

    Args:
        database: of PostgreSQL.
        script: lines, as `pg_restore --clean --if-exists --file=-` writes them.

    Raises:
        BackupRefused: the database does not take the script.
        StoreError: the database cannot be used.
    """
    with database.write_connection() as connection:
        connection.detach()
        postgres.unlimited(connection)
        try:
            _drop_tables(connection)
            _run(connection, script)
        except connection.dialect.loaded_dbapi.Error as error:
            problem = str(error).partition("\n")[0].rstrip(".")
            raise BackupRefused("not_restored", problem=f"{problem}.", left="") from error
        migrate.upgrade_within(connection)
        with Session(connection) as session:
            yield session


def _drop_tables(connection: Connection) -> None:
    """Drop the tables of simsvc, also those that the dump does not have because it is older."""
    known = {migrate.ALEMBIC_VERSION.name, *Table.metadata.tables}
    for name in sorted(known.intersection(inspect(connection).get_table_names())):
        connection.exec_driver_sql(f'DROP TABLE IF EXISTS "{name}" CASCADE')


def _run(connection: Connection, script: Iterable[bytes]) -> None:
    """Run a script in the transaction of the connection."""
    lines, statements = iter(script), bytearray()
    with closing(connection.connection.cursor()) as cursor:
        for line in lines:
            if line.startswith(b"COPY ") and line.endswith(b" FROM stdin;\n"):
                cursor.execute(bytes(statements))
                statements.clear()
                _copy_rows(cursor, line, iter(partial(next, lines), END_OF_ROWS))
            elif not line.startswith((NOT_SQL, NEWER_SQL)):
                statements += line
        cursor.execute(bytes(statements))
        cursor.execute(b"RESET search_path")  # scripts name each table with its schema


def _copy_rows(cursor: Any, statement: bytes, rows: Iterable[bytes]) -> None:
    with cursor.copy(statement) as copy:
        for row in rows:
            copy.write(row)
