from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from simsvc.errors import BackupRefused, StoreError
from simsvc.store import migrate
from simsvc.store.database import Database
from simsvc.store.replace_tables import has_tables, replaced_tables
from tests.postgres_server import fresh_database

SCRIPT = (
    b"\\restrict of-newer-programs\n",
    b"SET transaction_timeout = 0;\n",
    b"SELECT pg_catalog.set_config('search_path', '', false);\n",
    b"DROP TABLE IF EXISTS public.notes;\n",
    b"CREATE TABLE public.notes (\n",
    b"    words text\n",
    b");\n",
    b"COPY public.notes (words) FROM stdin;\n",
    b"100% \\\\ of these;\n",
    b"COPY of a COPY FROM stdin;\n",
    b"\\.\n",
    b"\n",
    b"\\unrestrict of-newer-programs\n",
)
"""As `pg_restore` of PostgreSQL 17 writes it; rows may look like statements."""


@pytest.fixture
def database(postgres: str) -> Iterator[Database]:
    """Return a database without tables."""
    with fresh_database(postgres, "without_tables") as url:
        database = Database(url)
        yield database
        database.close()


def notes(database: Database) -> list[str]:
    with database.read_connection() as connection:
        return list(connection.scalars(text("SELECT words FROM notes")))


def test_a_script_for_psql_is_run(database: Database) -> None:
    """What only psql understands is left out, and rows are stored as they are."""
    with replaced_tables(database, SCRIPT):
        pass
    assert notes(database) == ["100% \\ of these;", "COPY of a COPY FROM stdin;"]


def test_tables_that_the_script_does_not_have_are_made_again(database: Database) -> None:
    """After a script without tables of simsvc, they are those of a new database."""
    with replaced_tables(database, SCRIPT):
        pass
    assert migrate.revision(database.engine) == migrate.newest()


def test_what_fails_later_leaves_the_tables(database: Database) -> None:
    """Nothing is committed before the caller is done."""
    with pytest.raises(BackupRefused), replaced_tables(database, SCRIPT):
        raise BackupRefused("log", problem="an event is missing")
    with pytest.raises(StoreError):
        notes(database)


def test_a_statement_that_fails_is_named_and_leaves_the_tables(postgres_url: str) -> None:
    """The sentence has the words of the server."""
    database = Database(postgres_url)
    with (
        pytest.raises(BackupRefused, match='syntax error at or near "TABEL"'),
        replaced_tables(database, [b"CREATE TABEL x ();\n"]),
    ):
        pass
    assert has_tables(database)
    database.close()


def test_a_database_has_tables_once_it_is_migrated(database: Database) -> None:
    """A new one has none."""
    assert not has_tables(database)
    migrate.upgrade(database.engine)
    assert has_tables(database)
