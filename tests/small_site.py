"""A whole small installation: tiny model, an index of drawn faces, a migrated database."""

from __future__ import annotations

import csv
import functools
import io
from pathlib import Path

import pytest

from simsvc.adapters.photos.sources import read_source
from simsvc.domain.gallery.labelled_faces import LabelledSource
from simsvc.domain.gallery.manifest import Manifest
from simsvc.flows.gallery.build_index import BuildRequest, build
from simsvc.settings import Settings, load_settings
from simsvc.wiring.hosts.index_shelf import adopt_files
from simsvc.wiring.indexing import index_services
from simsvc.wiring.services import open_database
from tests.databases import sqlite_database
from tests.drawn_faces import SURE_PX, draw_face
from tests.tiny_bundle import make_tiny_bundle

FACES = 30


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return a small installation that tests share."""
    return make_small_site(tmp_path_factory.mktemp("site"))


def make_small_site(folder: Path, faces: int = FACES, database_url: str = "") -> Settings:
    """Build model, index and database under `folder`, or use that database, and return settings."""
    settings = load_settings({}).model_copy(
        update={
            "bundle_dir": make_tiny_bundle(folder / "model"),
            "gallery_dir": draw_gallery(folder / "gallery", faces),
            "index_root": folder / "indexes",
            "database_url": database_url or sqlite_database(folder / "simsvc.sqlite3"),
            "secret_key": "a key for tests, long enough to sign with",
            "log_key_file": folder / "simsvc.sqlite3-keys" / "log-key.pem",  # as `log_key_of`
            "upload_rate": "1000000 per minute",
            "api_rate": "1000000 per minute",
            "batch_dir": folder / "batches",
            "model_root": folder / "models",
            "import_dir": folder / "imports",
            "audits_reads": False,  # or else events come while tests count them
        }
    )
    build_index(settings, read_source("demo", settings.gallery_dir))
    return settings


def moved_to(settings: Settings, database_url: str) -> Settings:
    """Return the settings with another migrated database; what a shared one decides moves there."""
    moved = settings.model_copy(update={"database_url": database_url})
    database = open_database(moved)
    adopt_files(moved, database)
    database.close()
    return moved


def build_index(
    settings: Settings, source: LabelledSource, name: str = "demo", trained_on: frozenset[str] = frozenset()
) -> Manifest:
    """Build an index of a source and put it into service."""
    services = index_services(settings)
    return build(
        BuildRequest(name, (source,), trained_on=trained_on),
        services.detector,
        services.model("onnx"),
        services.shelf,
        on_built=services.on_built,
        progress=lambda _done, _total: None,
        use=services.switcher.use,
    )


@functools.cache
def _gallery_photo(seed: int) -> bytes:
    buffer = io.BytesIO()
    draw_face(seed, SURE_PX).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def draw_gallery(folder: Path, faces: int) -> Path:
    """Write drawn faces with ages of 1 to 90 years, and their labels.csv."""
    folder.mkdir(parents=True)
    with (folder / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("file", "age"))
        for seed in range(faces):
            (folder / f"{seed:03d}.jpg").write_bytes(_gallery_photo(seed))
            table.writerow((f"{seed:03d}.jpg", 1 + seed * 89 // max(1, faces - 1)))
    return folder


@functools.lru_cache(256)  # most tests send the photos of the same few seeds
def drawn_photo(seed: int = 1000, kind: str = "JPEG") -> bytes:
    """Return a photo file of one drawn face that is not in the gallery."""
    buffer = io.BytesIO()
    draw_face(seed, 400).save(buffer, kind)
    return buffer.getvalue()
