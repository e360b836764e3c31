from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from simsvc.settings import Settings
from simsvc.web.app import create_app
from tests.simsvc.web.helpers import token_in

BASE = "https://desk.example"
TAKEN, REFUSED = 403, 400
"""A form that is taken is looked at: name and password are wrong."""


@pytest.fixture(scope="module")
def secure(site: Settings) -> Iterator[Flask]:
    app = create_app(site.model_copy(update={"tls": True, "sign_in_rate": "90000 per minute"}))
    yield app
    app.extensions["simsvc"].database.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, TAKEN),
        ({"Origin": "null"}, TAKEN),
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, TAKEN),
        ({"Origin": BASE}, TAKEN),
        ({"Origin": BASE, "Sec-Fetch-Site": "same-origin"}, TAKEN),
        ({"Referer": f"{BASE}/sign-in"}, TAKEN),
        ({"Referer": f"{BASE}/"}, TAKEN),
        ({"Sec-Fetch-Site": "none"}, TAKEN),
        ({"Origin": "https://evil.example"}, REFUSED),
        ({"Origin": "http://desk.example"}, REFUSED),
        ({"Origin": "https://desk.example:444"}, REFUSED),
        ({"Origin": "https://desk.example.evil.example"}, REFUSED),
        ({"Origin": "null", "Referer": "https://evil.example/"}, REFUSED),
        ({"Referer": "https://evil.example/sign-in"}, REFUSED),
        ({"Sec-Fetch-Site": "cross-site"}, REFUSED),
        ({"Sec-Fetch-Site": "same-site"}, REFUSED),
        ({"Origin": BASE, "Sec-Fetch-Site": "cross-site"}, REFUSED),
    ],
)
def test_a_form_behind_tls_is_taken_unless_it_comes_from_elsewhere(
    secure: Flask, headers: dict[str, str], status: int
) -> None:
    """Forms work without a Referer, as privacy settings have it; what another site sends is refused."""
    client = secure.test_client()
    form = {"csrf_token": token_in(client.get("/sign-in", base_url=BASE).text), "name": "a", "password": "b"}
    answer = client.post("/sign-in", base_url=BASE, data=form, headers=headers)
    assert answer.status_code == status
    assert ("The form was sent from another site" in answer.text) == (status == REFUSED)
    assert "open for too long" not in answer.text


@pytest.mark.parametrize("headers", [{}, {"Origin": BASE}, {"Sec-Fetch-Site": "same-origin"}])
def test_the_token_is_asked_for_in_any_case(secure: Flask, headers: dict[str, str]) -> None:
    """A form of this site without its token is refused, as one that was open for too long."""
    client = secure.test_client()
    client.get("/sign-in", base_url=BASE)
    answer = client.post("/sign-in", base_url=BASE, data={"name": "a", "password": "b"}, headers=headers)
    assert answer.status_code == REFUSED
    assert "open for too long" in answer.text


def test_a_browser_without_cookies_is_told_so(secure: Flask) -> None:
    """Where the cookie did not come, the sentence names it, and not a time that is over."""
    client = secure.test_client(use_cookies=False)
    form = {"csrf_token": token_in(client.get("/sign-in", base_url=BASE).text), "name": "a", "password": "b"}
    answer = client.post("/sign-in", base_url=BASE, data=form)
    assert answer.status_code == REFUSED
    assert "Allow cookies" in answer.text
    assert "open for too long" not in answer.text


def test_programs_are_not_asked_where_they_come_from(app: Flask) -> None:
    """The API takes no cookie, so that nothing can be forged: its answer is about the token."""
    answer = app.test_client().post("/api/v1/cases/erasure", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 401
