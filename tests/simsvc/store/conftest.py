from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simsvc.store import migrate
from simsvc.store.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'store.sqlite3'}")
    migrate.upgrade(database.engine)
    yield database
    database.close()
