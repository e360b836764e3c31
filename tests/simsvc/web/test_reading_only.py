"""Reading needs no database that can be written."""

from __future__ import annotations

import io
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from simsvc.settings import Settings
from simsvc.store.access.tokens import TokenRow
from simsvc.store.database import BUSY_TIMEOUT_MS
from simsvc.web.app import create_app
from simsvc.web.security.scopes import SCOPES_OF
from tests.simsvc.web.programs import token_text
from tests.simsvc.web.security.helpers import PERIODS
from tests.simsvc.web.signed_in import account, client_of
from tests.small_site import drawn_photo

V1 = "/api/v1"
LOGGED = {"api_exports.estimates", "api_exports.events"}
"""What takes records out is logged before it is given; where that cannot be, it is not given."""


def file_of(site: Settings) -> Path:
    return Path(site.database_url.removeprefix("sqlite:///"))


@contextmanager
def locked(site: Settings) -> Iterator[Settings]:
    """Give settings of a database in which another one writes all the time."""
    with closing(sqlite3.connect(file_of(site), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield site
        other.execute("ROLLBACK")


@contextmanager
def read_only(site: Settings) -> Iterator[Settings]:
    """Give settings of the same database, opened for reading alone."""
    yield site.model_copy(update={"database_url": f"sqlite:///file:{file_of(site)}?mode=ro&uri=true"})


QUERIES = {"drift": f"?{PERIODS}", "inclusion": "?seq=1", "consistency": "?old=1"}
"""What the last part of an address needs after it."""


def reads(app: Flask, record: str) -> list[str]:
    """Return the address of every route of the API that only reads."""
    known = {
        "public_id": record,
        "level": "0",
        "tile_path": "000.p/1",
        "index_name": "demo",
        "build_id": (app.extensions["simsvc"].shelf.current() or "/").partition("/")[2],
    }
    found = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint in SCOPES_OF and "GET" in (rule.methods or ()) and rule.endpoint not in LOGGED:
            values = {name: known.get(name, "0" * 64) for name in rule.arguments}
            with app.test_request_context():
                found.append(app.url_map.bind("").build(rule.endpoint, values))
    return sorted(f"{path}{QUERIES.get(path.rpartition('/')[2], '')}" for path in found)


@dataclass(frozen=True)
class Limited:
    """A service whose database cannot be written, with a record, and how a program and a person come in."""

    app: Flask
    record: str
    headers: dict[str, str]
    cookie: str

    def browser(self) -> FlaskClient:
        """Return a browser that was signed in before."""
        client = self.app.test_client()
        client.set_cookie("simsvc", self.cookie)
        return client


@pytest.fixture(params=[locked, read_only])
def limited(site: Settings, app: Flask, request: pytest.FixtureRequest) -> Iterator[Limited]:
    headers = {"Authorization": f"Bearer {token_text(app)}"}
    cookie = client_of(app, account(app, "admin")).get_cookie("simsvc")
    assert cookie is not None
    sent = {"photo": (io.BytesIO(drawn_photo()), "a.jpg")}
    record = app.test_client().post(f"{V1}/estimates", data=sent, headers=headers).get_json()["id"]
    with app.extensions["simsvc"].database.transaction() as session:
        session.query(TokenRow).update({"last_used_at": None})
    with request.param(site) as settings:
        made = create_app(settings)
        made.extensions["simsvc"].pipeline = app.extensions["simsvc"].pipeline  # opened before
        yield Limited(made, record, headers, cookie.value)
        made.extensions["simsvc"].database.close()


def test_programs_read_where_nothing_can_be_written(limited: Limited) -> None:
    """Every route of the API that reads answers, and none waits as long as a writer would."""
    addresses = reads(limited.app, limited.record)
    assert len(addresses) > 10
    begun = time.monotonic()
    answers = [limited.app.test_client().get(path, headers=limited.headers) for path in addresses]
    took_ms = (time.monotonic() - begun) * 1e3
    assert [answer.text for answer in answers if answer.status_code not in {200, 404}] == []
    assert took_ms < BUSY_TIMEOUT_MS


def test_people_read_where_nothing_can_be_written(limited: Limited) -> None:
    """Who was signed in before opens every page that only reads."""
    browser, record = limited.browser(), f"/estimates/{limited.record}"
    for address in ("/", "/history", record, f"{record}/crop.png", "/batches"):
        assert browser.get(address).status_code == 200


def test_the_use_of_a_token_is_stored_once_that_is_possible(site: Settings, app: Flask) -> None:
    """It is left out while another one writes."""
    headers, database = {"Authorization": f"Bearer {token_text(app)}"}, app.extensions["simsvc"].database
    newest = select(TokenRow.last_used_at).order_by(TokenRow.sequence.desc()).limit(1)
    for way, stored in ((locked(site), False), (nullcontext(), True)):
        with way:
            assert app.test_client().get(f"{V1}/estimates", headers=headers).status_code == 200
        with database.reading() as session:
            assert (session.scalar(newest) is not None) is stored
