from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from simsvc.settings import Settings
from simsvc.values import User
from simsvc.web.app import create_app
from simsvc.wiring.services import Services
from tests.simsvc.web.signed_in import client_of, signed_in


@pytest.fixture(scope="module")
def app(site: Settings) -> Iterator[Flask]:
    """Return an application that the tests of a module share; whoever changes one makes `own_app`."""
    app = create_app(site)
    yield app
    app.extensions["simsvc"].database.close()


@pytest.fixture
def own_app(site: Settings) -> Iterator[Flask]:
    """Return an application for one test."""
    app = create_app(site)
    yield app
    app.extensions["simsvc"].database.close()


@pytest.fixture(scope="module")
def open_site(site: Settings) -> Settings:
    """Return the shared site where underwriters see all records: those of tests may have no owner."""
    return site.model_copy(update={"case_access": "all"})


@pytest.fixture
def desk(app: Flask) -> Services:
    """Return what the service is made of."""
    services: Services = app.extensions["simsvc"]
    return services


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Return an underwriter's browser."""
    return signed_in(app)


@pytest.fixture
def without_index(site: Settings, tmp_path: Path) -> FlaskClient:
    return signed_in(create_app(site.model_copy(update={"index_root": tmp_path / "indexes"})))


@pytest.fixture
def without_model(site: Settings, tmp_path: Path) -> FlaskClient:
    return signed_in(create_app(site.model_copy(update={"bundle_dir": tmp_path / "model"})))


@pytest.fixture
def without_tables(site: Settings, tmp_path: Path) -> FlaskClient:
    """Return a browser whose session's account is in a database that was never migrated."""
    app = create_app(site.model_copy(update={"database_url": f"sqlite:///{tmp_path / 'empty.sqlite3'}"}))
    return client_of(app, User("0" * 32, "nobody", "underwriter", datetime.now(UTC)))


@pytest.fixture
def clock() -> list[datetime]:
    """Hold the time in a list of one, so that a test can move it."""
    return [datetime.now(UTC)]
