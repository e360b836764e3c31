"""Fixtures: databases of each kind that simsvc runs on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

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


_numbers = itertools.count(1)


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    """Return the address of a PostgreSQL database of its own, with all tables."""
    with fresh_database(postgres, f"test_{next(_numbers)}", "migrated") as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of a database of each kind, one after the other."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite3'}"
    return str(request.getfixturevalue("postgres_url"))
