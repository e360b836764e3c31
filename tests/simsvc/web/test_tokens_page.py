from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.simsvc.web.signed_in import signed_in
from tests.simsvc.web.test_pages import checked

FORM = {"name": "audit tool", "scope": "audit", "days": "30"}


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return signed_in(app, "admin")


def make(client: FlaskClient) -> str:
    return client.post("/tokens", data=FORM, follow_redirects=True).text


def test_a_token_is_shown_once(app: Flask, client: FlaskClient) -> None:
    """The page that makes a token shows its text, which opens the API; the list never shows it again."""
    made = client.post("/tokens", data=FORM, follow_redirects=True)
    found = re.search(r"simsvc_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", made.text)
    assert found
    headers = {"Authorization": f"Bearer {found[0]}"}
    assert app.test_client().get("/api/v1/audit/events", headers=headers).status_code == 200
    listed = client.get("/tokens").text
    assert found[0][:19] in listed
    assert found[0][20:] not in listed
    assert checked(made.text).inline == []


def test_a_token_is_revoked_on_the_page(app: Flask, client: FlaskClient) -> None:
    """Revoked, it opens nothing, and the page says so instead of offering to revoke it."""
    found = re.search(r"simsvc_([0-9a-f]{12})_[A-Za-z0-9_-]{43}", make(client))
    assert found
    page = client.post(f"/tokens/{found[1]}/revoke", follow_redirects=True).text
    assert "opens nothing any more" in page
    assert f"/tokens/{found[1]}/revoke" not in page
    headers = {"Authorization": f"Bearer {found[0]}"}
    assert app.test_client().get("/api/v1/models", headers=headers).status_code == 401


def test_a_form_that_cannot_be_is_shown_again(client: FlaskClient) -> None:
    """What was typed stays, with the sentence above it."""
    response = client.post("/tokens", data={**FORM, "days": "4000"})
    assert response.status_code == 422
    assert "from 1 to 366" in response.text
    assert 'value="audit tool"' in response.text
    assert re.search(r'value="audit" checked', response.text)


def test_both_acts_are_in_the_log(app: Flask, client: FlaskClient) -> None:
    """Making and revoking are events of the person, without the token's name or text."""
    found = re.search(r"simsvc_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", make(client))
    assert found
    client.post(f"/tokens/{found[1]}/revoke")
    with app.extensions["simsvc"].log.snapshot() as snapshot:
        events = [one for page in snapshot.pages() for one in page]
    of_it = [one for one in events if one.event.subject == f"token:{found[1]}"]
    assert [one.event.kind for one in of_it] == ["token", "token"]
    assert all(one.event.actor.startswith("user:") for one in of_it)
    assert found[2] not in str(of_it)


def test_the_reference_lists_every_operation_object_and_code(app: Flask) -> None:
    """The page is made of the document alone: nothing inline, and anyone may read it."""
    page = app.test_client().get("/api-reference")
    document = app.test_client().get("/api/v1/openapi.json").get_json()
    assert checked(page.text).inline == []
    for path, operations in document["paths"].items():
        for method in {"get", "post"} & set(operations):
            assert f"<code>{method.upper()} {path}</code>" in page.text
    assert '<div id="token_refused">' in page.text
    objects = app.test_client().get("/api-reference/objects")
    assert checked(objects.text).inline == []
    asked = set(re.findall(r'/api-reference/objects#(object-\w+)"', page.text))
    assert "object-EstimatePage" in asked
    assert [name for name in asked if f'id="{name}"' not in objects.text] == []
