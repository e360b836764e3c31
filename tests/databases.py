"""Fixtures: databases of each kind that simsvc runs on."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from simsvc.store import migrate
from simsvc.store.database import Database
from tests.postgres_server import fresh_database, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Start a PostgreSQL server, and make a database with all tables in it that others are copied from."""
    with postgres_server() as server, fresh_database(server, "migrated") as url:
        database = Database(url)
        migrate.upgrade(database.engine)
        database.close()
        yield server


def sqlite_database(path: Path) -> str:
    """Write an SQLite database with all tables, and return its address."""
    path.write_bytes(_migrated())
    return f"sqlite:///{path}"


@functools.cache
def _migrated() -> bytes:
    """Run the migrations once: they take a quarter of a second."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "migrated.sqlite3")
        database = Database(f"sqlite:///{path}")
        migrate.upgrade(database.engine)
        database.close()
        return path.read_bytes()


_numbers = itertools.count(1)


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    """Return the address of a PostgreSQL database of its own, with all tables."""
    with fresh_database(postgres, f"test_{next(_numbers)}", "migrated") as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of a database of each kind with all tables, one after the other."""
    if request.param == "sqlite":
        return sqlite_database(tmp_path / "store.sqlite3")
    return str(request.getfixturevalue("postgres_url"))
