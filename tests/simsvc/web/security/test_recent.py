"""Sensitive acts ask who is acting once the last proof is 15 minutes old."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from flask import Flask

from simsvc.values import User
from simsvc.web.security.recent import SENSITIVE
from tests.simsvc.web.security.helpers import ROUTES
from tests.simsvc.web.signed_in import PASSWORD, account, client_of


@pytest.fixture
def admin(desk: Flask, request: pytest.FixtureRequest) -> User:
    """Return an administrator of this test's own."""
    return account(desk, "admin", f"boss.{request.node.name}"[:64])


def test_every_sensitive_act_asks(desk: Flask, admin: User, clock: list[datetime]) -> None:
    """Each of them answers with the page that asks, as soon as 15 minutes are over, and not before."""
    client = client_of(desk, admin)
    routes = [(method, path) for endpoint, method, path, _, _ in ROUTES if endpoint in SENSITIVE]
    assert len(routes) == len(SENSITIVE)
    clock[0] += timedelta(minutes=14, seconds=59)
    answers = [client.open(path, method=method).text for method, path in routes[:1]]
    clock[0] += timedelta(seconds=1)
    asked = [client.open(path, method=method) for method, path in routes]
    assert not any("Confirm that it is you" in html for html in answers)
    assert all("Confirm that it is you" in response.text for response in asked)
    assert {response.status_code for response in asked} == {403}


def test_what_was_typed_goes_on_with_the_password(desk: Flask, admin: User, clock: list[datetime]) -> None:
    """The page holds every field; a wrong password keeps them; the right one does what was asked for."""
    client = client_of(desk, admin)
    clock[0] += timedelta(minutes=16)
    form = {"name": "Tool <1>", "scope": ["estimate", "audit"], "days": "30", "form_key": "k" * 22}
    page = client.post("/tokens", data=form)
    wrong = client.post("/tokens", data={**form, "confirm_password": "not the password"})
    for html in (page.text, wrong.text):
        kept = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', html.partition("<main")[2])
        assert kept[1:3] == [("name", "Tool &lt;1&gt;"), ("scope", "estimate")]
        assert ("scope", "audit") in kept
        assert "not the password" not in html
    assert "The password is wrong" in wrong.text
    done = client.post("/tokens", data={**form, "confirm_password": PASSWORD})
    assert done.headers["Location"].startswith("/tokens?made=")
    assert client.post("/tokens", data={**form, "name": "Second"}).status_code == 303


def test_a_session_that_cannot_sign_in_cannot_act(desk: Flask, admin: User, clock: list[datetime]) -> None:
    """Five wrong passwords: then the right one is refused, too, as at sign-in."""
    client, path = client_of(desk, admin), f"/users/{admin.id}/link"
    clock[0] += timedelta(minutes=16)
    for _ in range(5):
        assert client.post(path, data={"confirm_password": "wrong"}).status_code == 403
    refused = client.post(path, data={"confirm_password": PASSWORD})
    assert (refused.status_code, "you must wait" in refused.text) == (403, True)
