from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask

from simsvc.adapters.inference.bundle import load_bundle
from simsvc.adapters.photos.sources import read_source
from simsvc.settings import Settings
from simsvc.web.app import create_app
from simsvc.wiring.retirement import retire_build, retire_model
from simsvc.wiring.services import Services
from tests.databases import sqlite_database
from tests.simsvc.web.signed_in import account, signed_in
from tests.small_site import build_index, draw_gallery
from tests.tiny_bundle import make_tiny_bundle


@pytest.fixture
def app(site: Settings, tmp_path: Path) -> Iterator[Flask]:
    """Return a service with folders and a log of its own, and two builds, the second in service."""
    settings = site.model_copy(
        update={
            "index_root": tmp_path / "indexes",
            "model_root": tmp_path / "models",
            "database_url": sqlite_database(tmp_path / "log.sqlite3"),
        }
    )
    for name in ("first", "second"):
        build_index(settings, read_source("folder", draw_gallery(tmp_path / name, 6)), name)
    app = create_app(settings)
    yield app
    app.extensions["simsvc"].database.close()


def label(desk: Services, name: str) -> str:
    return next(found for found in desk.shelf.labels() if found.startswith(f"{name}/"))


def test_a_retired_build_stays_listed(app: Flask, desk: Services) -> None:
    """With its faces, when it was in service, and who put it there and retired it."""
    admin, first, second = signed_in(app, "admin"), label(desk, "first"), label(desk, "second")
    for each in (first, second):
        assert admin.post(f"/indexes/{each}/use").status_code == 303
    assert "Retired builds" not in admin.get("/indexes").text
    retire_build(desk, first, f"user:{account(app, 'admin').id}", force=False)
    html = " ".join(admin.get("/indexes").text.split())
    row = html[html.index("Retired builds") :]
    row = row[row.index(first) : row.index("</tr>", row.index(first))]
    assert 'data-label="Faces">6</td>' in row
    assert row.count("<time") == 4
    assert ", by admin" in row


def test_a_build_that_vanished_is_listed_without_a_retirement(app: Flask, desk: Services) -> None:
    """Files that were deleted by hand are told from a retirement."""
    first = label(desk, "first")
    shutil.rmtree(desk.settings.index_root / first)
    assert "files missing, no retirement logged" in signed_in(app).get("/indexes").text


def test_models_stay_listed(app: Flask, desk: Services, tmp_path: Path) -> None:
    """The one in service, and one that was retired: when it was in service, and retired by whom."""
    older = load_bundle(make_tiny_bundle(tmp_path / "older", shares=True))
    desk.models.keep(older)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    desk.model_switches.note(older.document_sha256, older.sha256, "face-old", start)
    desk.pipeline()
    auditor = signed_in(app, "auditor")
    assert "kept, so that its records can be replayed" in auditor.get("/model").text
    retire_model(desk, older.document_sha256, "command", force=False)
    html = " ".join(auditor.get("/model").text.split())
    section = html[html.index("Models in service so far") : html.index("technical details")]
    assert "<strong>in service</strong>" in section
    assert section.index("face-old") < section.index("retired: ") < section.index(", by command line")
