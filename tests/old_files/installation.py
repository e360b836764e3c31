"""An installation in a folder, used as operators, people and programs use it, whatever the code inside."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import Any
from unittest import mock

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from simsvc.flask_app import create_app

PASSWORD = "seven grey herons wade"  # noqa: S105 - of accounts that exist in these files only
SECRET_KEY = "a key for tests, long enough to sign with"  # noqa: S105 - signs nothing of worth
PHOTO_KEY = "b2xkLWZpbGVzLXRlc3Qta2V5LTMyLWJ5dGVzLWxvbmc="
"""Fernet key of the kept photos, which are drawings."""


class Installation:
    """The service and its commands on the files of `folder`.

    Args:
        folder: holds the database, indexes, kept models, batches and the model in service.
        settings: more variables of the environment.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "FLASK_APP": "simsvc.flask_app",
            "DATABASE_URL": f"sqlite:///{folder / 'simsvc.sqlite3'}",
            "OMP_NUM_THREADS": "1",
            "SECRET_KEY": SECRET_KEY,
            "SIMSVC_API_RATE": "1000000 per minute",
            "SIMSVC_BATCH_DIR": str(folder / "batches"),
            "SIMSVC_BUNDLE_DIR": str(folder / "model"),
            "SIMSVC_DISK_RESERVE_BYTES": "0",
            "SIMSVC_INDEX_ROOT": str(folder / "indexes"),
            "SIMSVC_LOG_KEY_FILE": str(folder / "log-key.pem"),
            "SIMSVC_MODEL_ROOT": str(folder / "models"),
            "SIMSVC_PHOTO_DAYS": "3650",
            "SIMSVC_PHOTO_KEYS": PHOTO_KEY,
            "SIMSVC_SIGN_IN_RATE": "1000000 per minute",
            "SIMSVC_UPLOAD_RATE": "1000000 per minute",
            "SIMSVC_WORKERS": "1",
            **settings,
        }
        with mock.patch.dict(os.environ, self.environment):
            self.app = create_app()

    def run(self, *words: str, status: int = 0) -> str:
        """Run `flask ...` and return what it printed."""
        result = self.app.test_cli_runner().invoke(args=list(words))
        assert result.exit_code == status, result.output
        assert "Traceback" not in result.output
        return str(result.output)

    def program(self, token: str) -> FlaskClient:
        """Return a client that sends a token with every request."""
        client = self.app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        return client

    def person(self, name: str) -> FlaskClient:
        """Return the browser of somebody who signs in with `PASSWORD`."""
        client = self.app.test_client()
        answer = send(client, "/sign-in", "/sign-in", name=name, password=PASSWORD)
        assert answer.status_code == 303, answer.text
        return client


def send(client: FlaskClient, page: str, to: str, **fields: Any) -> TestResponse:
    """Fill in a form that `page` shows, send it to `to` and return the answer."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(page).text)
    assert found, page
    return client.post(to, data={**fields, "csrf_token": found[1]})


def upload(data: bytes, name: str) -> tuple[io.BytesIO, str]:
    """Return a file of a form."""
    return io.BytesIO(data), name


def read(client: FlaskClient, path: str) -> Any:
    """Return the JSON of a path of the API."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def read_pages(client: FlaskClient, path: str) -> list[Any]:
    """Return the items of every page of a list of the API."""
    items: list[Any] = []
    cursor = ""
    while True:
        page = read(client, f"{path}?limit=100{cursor}")
        items += page["items"]
        if page["next"] is None:
            return items
        cursor = f"&cursor={page['next']}"
