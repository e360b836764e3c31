"""Fixtures: databases of each kind that simsvc runs on."""

from __future__ import annotations

import functools
import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy.engine import make_url

from simsvc.store import migrate
from simsvc.store.database import Database
from tests.postgres_server import fresh_database, postgres_server, replace_database


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


Fill = Callable[[Database, Path], None]
"""Fills a database, and a folder beside it."""


@pytest.fixture(scope="session")
def filled_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for what was filled: a folder for each name and kind, and in it SQLite's file."""
    return tmp_path_factory.mktemp("filled")


@pytest.fixture
def fill_once(
    database_url: str, filled_before: Path, request: pytest.FixtureRequest
) -> Callable[[str, Fill, Path], None]:
    """Return what fills the test's database and a folder: `fill_once(name, fill, folder)`.

    They are copies of what `fill` made of the first database of that kind and name.
    """
    url = make_url(database_url)
    file = Path(str(url.database))
    on_sqlite = url.get_backend_name() == "sqlite"

    def put(name: str, fill: Fill, folder: Path) -> None:
        kept, template = filled_before / f"{name}-{url.get_backend_name()}", f"filled_{name}"
        if kept.exists():
            shutil.copytree(kept / "folder", folder, dirs_exist_ok=True)
            if on_sqlite:
                shutil.copy(kept / "database", file)
            else:
                replace_database(request.getfixturevalue("postgres"), str(url.database), template)
            return
        folder.mkdir(parents=True, exist_ok=True)
        database = Database(database_url)
        fill(database, folder)
        database.close()
        shutil.copytree(folder, kept / "folder")
        if on_sqlite:
            shutil.copy(file, kept / "database")
        else:
            replace_database(request.getfixturevalue("postgres"), template, str(url.database))

    return put
