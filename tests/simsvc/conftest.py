from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simsvc.engines.bundle import load_bundle
from simsvc.engines.onnx_model import OnnxModel
from simsvc.engines.slim_detector import SlimDetector
from simsvc.store import migrate
from simsvc.store.database import Database
from tests.drawn_faces import draw_face
from tests.postgres_server import fresh_database, postgres_server
from tests.tiny_bundle import make_tiny_bundle


@pytest.fixture(scope="session")
def tiny_bundle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a read-only tiny bundle, made once."""
    return make_tiny_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="session")
def tiny_model(tiny_bundle_folder: Path) -> OnnxModel:
    """Return the tiny model behind its port."""
    return OnnxModel(load_bundle(tiny_bundle_folder))


@pytest.fixture(scope="session")
def detector() -> SlimDetector:
    """Return the real detector."""
    return SlimDetector()


@pytest.fixture
def labelled_folder(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of folders of drawn faces: 000.png, 001.png ... of ages 20, 21 ..., and labels.csv."""

    def make(count: int = 8, name: str = "photos", first_seed: int = 0) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for number in range(count):
            draw_face(first_seed + number).save(folder / f"{number:03}.png")
        rows = "".join(f"{number:03}.png,{20 + number}\n" for number in range(count))
        (folder / "labels.csv").write_text("file,age\n" + rows)
        return folder

    return make


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
