"""The basics of the OWASP Top Ten that belong to no single page; the others stand with their pages.

Session fixation, open redirects, cookie flags: test_sessions. Brute force and rates: test_accounts_pages.
Roles: test_access. Headers: test_errors. Archives: test_zip_archive and test_batches.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from simsvc.settings import Settings
from simsvc.web.app import create_app
from simsvc.web.security.scopes import SCOPES_OF
from tests.helpers import zipped
from tests.simsvc.web.security.helpers import OPEN, ROUTES
from tests.simsvc.web.signed_in import account, client_of, signed_in
from tests.small_site import drawn_photo

MARKUP = "<img src=x onerror=alert(1)>\"'"
TRAVERSALS = (
    "../../../planted.jpg",
    "..\\..\\planted.jpg",
    "/planted.jpg",
    "C:\\planted.jpg",
    "%2e%2e/planted.jpg",
)
WRITING = sorted({(row[0], row[2]) for row in (*ROUTES, *OPEN) if row[1] == "POST"})
"""Endpoint and an address of every route that changes something for a browser."""


@pytest.fixture
def app(site: Settings, tmp_path: Path) -> Iterator[Flask]:
    app = create_app(site.model_copy(update={"batch_dir": tmp_path / "here" / "batches"}))
    yield app
    app.extensions["simsvc"].database.close()


def test_no_reading_route_writes(app: Flask) -> None:
    """What changes something answers nothing but that: POST, and PATCH and DELETE of programs."""
    for rule in app.url_map.iter_rules():
        methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        of_programs = ({"PATCH"}, {"DELETE"}) if rule.endpoint in SCOPES_OF else ()
        assert methods in ({"GET"}, {"POST"}, *of_programs), rule


@pytest.mark.parametrize("route", WRITING, ids=lambda route: route[0])
@pytest.mark.parametrize("token", [None, "forged"])
def test_every_form_of_a_foreign_page_is_refused(
    app: Flask, route: tuple[str, str], token: str | None
) -> None:
    """Signed in as an admin, no route takes a POST that lacks the session's token."""
    client = signed_in(app, "admin")
    del client.environ_base["HTTP_X_CSRFTOKEN"]
    response = client.post(route[1], data={} if token is None else {"csrf_token": token})
    assert response.status_code == 400
    assert any(said in response.text for said in ("or your session has ended", "Your session ended before"))


def test_every_writing_route_is_held_against_forgery(app: Flask) -> None:
    """The list above lacks no route but those of programs, which take no cookie."""
    writing = {rule.endpoint for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    assert {endpoint for endpoint, _ in WRITING} == writing - set(SCOPES_OF)


def test_markup_is_shown_on_every_page_and_runs_on_none(app: Flask) -> None:
    """File name, case, note, reason, account and batch: each page that shows them shows them as text."""
    admin = client_of(app, account(app, "admin", MARKUP))
    form = {"photo": (io.BytesIO(drawn_photo()), f"{MARKUP}.jpg"), "case": MARKUP}
    path = admin.post("/estimates", data=form).headers["Location"]
    decision = {"kind": "override", "age": "30", "reason": MARKUP, "note": MARKUP, "after": "0"}
    assert admin.post(path + "/decisions", data=decision).status_code == 303
    photos = {"photos": [(io.BytesIO(b"x"), f"{MARKUP}.jpg")]}
    batch = admin.post("/batches", data=photos).headers["Location"]
    admin.post("/users", data={"name": f"2 {MARKUP}", "role": "auditor"})
    case = admin.get(path).text.partition('href="/cases/')[2].partition('"')[0]
    pages = (path, f"/cases/{case}", "/history", "/batches", batch, "/users", "/account", path + "/faces/1")
    for page in (*pages, f"/history?case={case}&since=<b>", f"/?case={case}", f"/sign-in?next={case}"):
        html = admin.get(page, follow_redirects=True).text
        assert "<img src=x" not in html, page
        assert "&lt;img src=x onerror=alert(1)&gt;" in html, page  # the person's name, if nothing else
    again = client_of(app, None).post(path + "/decisions", data=decision).text
    assert "<img src=x" not in again
    assert "&lt;img src=x" in again


@pytest.mark.parametrize("name", TRAVERSALS)
def test_no_name_of_an_upload_becomes_a_path(app: Flask, tmp_path: Path, name: str) -> None:
    """Wherever the name of a photo leads, nothing is written there: alone, in a batch, or in a ZIP."""
    client = signed_in(app)
    sent = client.post("/estimates", data={"photo": (io.BytesIO(drawn_photo()), name)})
    assert sent.status_code == 303
    assert client.post("/batches", data={"photos": [(io.BytesIO(b"x"), name)]}).status_code == 303
    archive = zipped({name: b"x"})
    client.post("/batches", data={"photos": [(io.BytesIO(archive), "a.zip")]})
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written
    assert not [path for path in written if "planted" in path.name]
    assert {path.relative_to(tmp_path).parts[0] for path in written} == {"here"}
    assert not list(tmp_path.parent.glob("planted*"))
    assert not Path("/planted.jpg").exists()


@pytest.mark.parametrize(
    "path", ["/cases/..%2f..%2fetc%2fpasswd", "/cases/%00", "/faces/a/b/..%2f..%2fx.jpg"]
)
def test_no_address_becomes_a_path(client: FlaskClient, path: str) -> None:
    """What would lead out of a folder is simply not found."""
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("text", ["' OR 1=1 --", "%", "_", '"; DROP TABLE estimates; --'])
def test_a_search_is_data(app: Flask, client: FlaskClient, text: str) -> None:
    """SQL in a search finds nothing, and a pattern's signs stand for themselves."""
    client.post("/estimates", data={"photo": (io.BytesIO(b"x"), "a.jpg"), "case": "found"})
    response = client.get("/history", query_string={"case": text})
    assert (response.status_code, "0 records" in response.text) == (200, True)
    for name in ("person", "model", "index"):
        assert "0 records" in client.get("/history", query_string={name: text}).text
    assert app.extensions["simsvc"].history.choices()
