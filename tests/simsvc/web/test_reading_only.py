"""Reading needs no database that can be written."""

from __future__ import annotations

import io
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from flask import Flask

from simsvc.settings import Settings
from simsvc.store.access.tokens import TokenRow
from simsvc.store.database import Database
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


def reads(app: Flask, record: str) -> list[str]:
    """Return the address of every route of the API that only reads."""
    known = {
        "public_id": record,
        "index_name": "demo",
        "build_id": (app.extensions["simsvc"].shelf.current() or "/").partition("/")[2],
    }
    found = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint in SCOPES_OF and "GET" in (rule.methods or ()) and rule.endpoint not in LOGGED:
            values = {name: known.get(name, "0" * 64) for name in rule.arguments}
            with app.test_request_context():
                found.append(app.url_map.bind("").build(rule.endpoint, values))
    return sorted(f"{path}?{PERIODS}" if path.endswith("/drift") else path for path in found)


@pytest.mark.parametrize("how", [locked, read_only])
def test_programs_and_people_read_where_nothing_can_be_written(
    site: Settings, app: Flask, how: object
) -> None:
    """Every route of the API that reads, and the pages, answer at once; a used token's time is left out."""
    token = token_text(app)
    cookie = client_of(app, account(app, "admin")).get_cookie("simsvc")  # signed in before
    assert cookie is not None
    headers = {"Authorization": f"Bearer {token}"}
    sent = {"photo": (io.BytesIO(drawn_photo()), "a.jpg")}
    record = app.test_client().post(f"{V1}/estimates", data=sent, headers=headers).get_json()["id"]
    database: Database = app.extensions["simsvc"].database
    with database.transaction() as session:
        session.query(TokenRow).update({"last_used_at": None})
    assert callable(how)
    with how(site) as settings:
        limited = create_app(settings)
        limited.extensions["simsvc"].pipeline = app.extensions["simsvc"].pipeline  # opened before
        addresses = reads(limited, record)
        assert len(addresses) > 10
        begun = time.monotonic()
        for address in addresses:
            answer = limited.test_client().get(address, headers=headers)
            assert answer.status_code in {200, 404}, (address, answer.text)
        browser = limited.test_client()
        browser.set_cookie("simsvc", cookie.value)
        for address in ("/", "/history", f"/estimates/{record}", f"/estimates/{record}/crop.png", "/batches"):
            assert browser.get(address).status_code == 200
        assert time.monotonic() - begun < 10
        limited.extensions["simsvc"].database.close()
    assert app.test_client().get(f"{V1}/estimates", headers=headers).status_code == 200
    with database.reading() as session:
        assert session.query(TokenRow.last_used_at).order_by(TokenRow.sequence.desc()).first()[0]
