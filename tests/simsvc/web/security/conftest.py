from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from flask import Flask

from simsvc.settings import Settings
from simsvc.web.app import create_app


@pytest.fixture
def desk(site: Settings, clock: list[datetime]) -> Iterator[Flask]:
    """Give an application whose time a test can move, and that lets anybody try to sign in."""
    app = create_app(site.model_copy(update={"sign_in_rate": "1000 per minute"}), now=lambda: clock[0])
    yield app
    app.extensions["simsvc"].database.close()
