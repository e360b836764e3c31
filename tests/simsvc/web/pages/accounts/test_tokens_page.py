from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from simsvc.errors import NotPermitted
from simsvc.values import Role, User
from simsvc.values.access.tokens import SCOPES, Scope, TokenDraft
from tests.simsvc.web.helpers import checked
from tests.simsvc.web.signed_in import account, client_of, signed_in

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
    assert "has been revoked" in page
    assert f"/tokens/{found[1]}/revoke" not in page
    headers = {"Authorization": f"Bearer {found[0]}"}
    assert app.test_client().get("/api/v1/models", headers=headers).status_code == 401


def test_a_form_that_cannot_be_is_shown_again(client: FlaskClient) -> None:
    """What was typed stays, with the sentence above it."""
    response = client.post("/tokens", data={**FORM, "days": "4000"})
    assert response.status_code == 422
    assert "valid for 1 to 366 whole days" in response.text
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


def tokens_of(app: Flask, user: User, *scopes: Scope) -> str:
    draft = TokenDraft("hers", scopes or SCOPES, 30)
    return str(app.extensions["simsvc"].tokens.create(draft, user.id).text)


def opens(app: Flask, text: str) -> int:
    headers = {"Authorization": f"Bearer {text}"}
    return app.test_client().get("/api/v1/estimates", headers=headers).status_code


@pytest.mark.parametrize("scope", SCOPES)
def test_the_tokens_of_a_closed_account_die_with_it(app: Flask, scope: Scope) -> None:
    """Closed by page, every token that she made is refused at once, others' are not; opened, it stays so."""
    hers, other = account(app, "admin", f"closing {scope}"), account(app, "admin", "staying")
    text, kept = tokens_of(app, hers, scope), tokens_of(app, other, scope)
    admin = client_of(app, other)
    assert [opens(app, one) for one in (text, kept)] == [200, 200]
    assert admin.post(f"/users/{hers.id}/disable").status_code == 303
    assert [opens(app, one) for one in (text, kept)] == [401, 200]
    assert admin.post(f"/users/{hers.id}/enable").status_code == 303
    assert [opens(app, one) for one in (text, kept)] == [401, 200]


@pytest.mark.parametrize(("role", "status"), [("admin", 200), ("auditor", 401), ("underwriter", 401)])
def test_the_tokens_of_one_who_is_no_admin_any_more_die(app: Flask, role: Role, status: int) -> None:
    """Only administrators make tokens: with another role, all of hers are refused, in her session too."""
    hers = account(app, "admin", f"changing to {role}")
    account(app, "admin", "staying")
    texts, browser = [tokens_of(app, hers, scope) for scope in SCOPES], client_of(app, hers)
    app.extensions["simsvc"].accounts.change_role(hers.id, role)
    assert [opens(app, text) for text in texts] == [status] * 3
    assert browser.get("/tokens").status_code == (200 if role == "admin" else 403)
    app.extensions["simsvc"].accounts.change_role(hers.id, "admin")
    assert [opens(app, text) for text in texts] == [status] * 3


def test_a_token_made_while_the_account_is_closed_is_not_made(app: Flask) -> None:
    """A request that was under way when the account was closed makes no token."""
    hers = account(app, "admin", "hurried")
    account(app, "admin", "staying")
    app.extensions["simsvc"].accounts.disable(hers.id)
    with pytest.raises(NotPermitted):
        tokens_of(app, hers)
