from __future__ import annotations

from collections.abc import Iterator

import pytest

from simsvc.store.database import Database


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Return a database with all tables: every test that asks for it runs on SQLite and on PostgreSQL."""
    database = Database(database_url)
    yield database
    database.close()
