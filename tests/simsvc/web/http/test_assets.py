from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient

from simsvc.web.http import assets


@pytest.fixture
def client() -> FlaskClient:
    app = Flask(__name__, static_folder=None)
    assets.register(app)
    return app.test_client()


def address(client: FlaskClient, name: str) -> str:
    with client.application.test_request_context():
        return url_for("static", filename=name)


def test_a_style_is_sent_compressed(client: FlaskClient) -> None:
    """A browser that takes gzip gets the same bytes, packed."""
    name = "bootstrap/css/bootstrap.min.css"
    plain = client.get(f"/static/{name}")
    packed = client.get(f"/static/{name}", headers={"Accept-Encoding": "gzip"})
    assert packed.content_encoding == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < 0.2 * len(plain.data)


def test_scripts_and_styles_are_minified(client: FlaskClient) -> None:
    """Comments do not travel."""
    assert b"/*" in (assets.OWN / "simsvc.css").read_bytes()
    assert b"/*" not in client.get("/static/simsvc.css").data


def test_an_address_names_the_version_of_its_content(client: FlaskClient) -> None:
    """Such an address may be kept for good, since another content has another address."""
    sent = client.get(address(client, "simsvc.css"))
    assert sent.cache_control.max_age == assets.FOREVER_S
    assert "immutable" in sent.headers["Cache-Control"]


@pytest.mark.parametrize("query", ["", "?v=", "?v=000000000000"])
def test_an_address_of_another_version_is_not_kept_for_good(client: FlaskClient, query: str) -> None:
    """A page of an earlier version may still ask for its own: it gets today's, for an hour."""
    sent = client.get(f"/static/simsvc.css{query}")
    assert sent.cache_control.max_age == assets.HOUR_S
    assert "immutable" not in sent.headers["Cache-Control"]


def test_an_unchanged_file_is_not_sent_again(client: FlaskClient) -> None:
    """The ETag is of what is sent, packed or not."""
    first = client.get("/static/simsvc.css", headers={"Accept-Encoding": "gzip"})
    again = client.get(
        "/static/simsvc.css",
        headers={"Accept-Encoding": "gzip", "If-None-Match": first.headers["ETag"]},
    )
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize(
    "name",
    [
        "none.css",
        "../app.py",
        "%2e%2e/app.py",
        "bootstrap/../../__init__.py",
        "bootstrap",
        "a\0b",
    ],
)
def test_nothing_outside_the_folders_is_served(client: FlaskClient, name: str) -> None:
    """A path that leads elsewhere does not exist."""
    assert client.get(f"/static/{name}").status_code == 404


@pytest.mark.parametrize("path", sorted(assets.OWN.glob("*.js")), ids=lambda path: path.name)
def test_minifying_keeps_every_text_of_a_script(path: Path) -> None:
    """Rjsmin takes spaces out of a template literal inside another one: such scripts must do without."""
    source = re.sub(r"^\s*//.*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    minified = assets.minified(path.name, path.read_bytes()).decode()
    assert [text for text in source.split("`") if "${" in text and text not in minified] == []
