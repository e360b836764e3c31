from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from simsvc.settings import Settings
from simsvc.web import create_app
from tests.small_site import make_small_site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_small_site(tmp_path_factory.mktemp("site"))


@pytest.fixture
def app(site: Settings) -> Flask:
    return create_app(site)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def without_index(site: Settings, tmp_path: Path) -> FlaskClient:
    return create_app(replace(site, index_root=tmp_path / "indexes")).test_client()


@pytest.fixture
def without_model(site: Settings, tmp_path: Path) -> FlaskClient:
    return create_app(replace(site, bundle_dir=tmp_path / "model")).test_client()


@pytest.fixture
def without_tables(site: Settings, tmp_path: Path) -> FlaskClient:
    return create_app(replace(site, database_url=f"sqlite:///{tmp_path / 'empty.sqlite3'}")).test_client()
