"""Codes of an authenticator app after the password, at a clock that the test sets."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from simsvc.settings import Settings
from simsvc.store.tables import UserRow
from simsvc.values import User
from simsvc.web.app import create_app
from tests.simsvc.web.helpers import token_in
from tests.simsvc.web.signed_in import PASSWORD, account, client_of, signed_in

Desk = Callable[..., Flask]


@pytest.fixture
def clock() -> list[datetime]:
    """Hold the time in a list of one, so that a test can move it."""
    return [datetime(2026, 3, 1, 12, tzinfo=UTC)]


@pytest.fixture
def desk(site: Settings, clock: list[datetime]) -> Iterator[Desk]:
    """Return a maker of services with further settings."""
    made: list[Flask] = []

    def make(**settings: Any) -> Flask:
        given = {"sign_in_rate": "1000 per minute", **settings}
        made.append(create_app(site.model_copy(update=given), now=lambda: clock[0]))
        return made[-1]

    yield make
    for app in made:
        app.extensions["simsvc"].database.close()


@pytest.fixture
def anna(desk: Desk, request: pytest.FixtureRequest) -> User:
    """Return an underwriter of this test's own."""
    return account(desk(), "underwriter", f"anna of {request.node.name}"[:64])


class Phone:
    """An authenticator app that has read the key on the page."""

    def __init__(self, html: str, clock: list[datetime]) -> None:
        key = re.findall(r'class="one-time-link">([a-z2-7 ]+)<', html)[0]
        self.sealed = re.findall(r'name="sealed" value="([^"]+)"', html)[0]
        self._totp, self._clock = pyotp.TOTP(key.replace(" ", "").upper()), clock

    def code(self) -> str:
        """Return the code of now."""
        return self._totp.at(self._clock[0])


def set_up(client: FlaskClient, clock: list[datetime]) -> tuple[Phone, list[str]]:
    """Set up a second factor and return the phone and the recovery codes."""
    phone = Phone(client.get("/account/second-factor").text, clock)
    form = {"sealed": phone.sealed, "code": phone.code()}
    html = client.post("/account/second-factor", data=form, follow_redirects=True).text
    return phone, re.findall(r"<li><code>([a-z2-7-]{27})</code>", html)


def with_password(app: Flask, user: User) -> FlaskClient:
    """Return a client that has given the right password, and is asked for the code."""
    client = client_of(app, None)
    response = client.post("/sign-in", data={"name": user.name, "password": PASSWORD, "next": "/gallery"})
    assert response.headers["Location"] == "/sign-in/code?next=/gallery"
    renew_token(client)
    return client


def renew_token(client: FlaskClient) -> None:
    """Let a client send the form token of the session that it has now."""
    client.environ_base["HTTP_X_CSRFTOKEN"] = token_in(client.get("/sign-in").text)


def enter(client: FlaskClient, code: str) -> int:
    return client.post("/sign-in/code?next=/gallery", data={"code": code}).status_code


def test_a_second_factor_is_set_up_and_asked_for(desk: Desk, anna: User, clock: list[datetime]) -> None:
    """A wrong code keeps the key; the right one turns it on; then the password alone opens nothing."""
    app = desk()
    client = client_of(app, anna)
    page = client.get("/account/second-factor").text
    assert 'src="data:image/svg+xml' in page
    phone = Phone(page, clock)
    wrong = client.post("/account/second-factor", data={"sealed": phone.sealed, "code": "000000"})
    assert (wrong.status_code, "The code does not match" in wrong.text) == (403, True)
    assert Phone(wrong.text, clock).code() == phone.code()
    form = {"sealed": phone.sealed, "code": phone.code()}
    shown = client.post("/account/second-factor", data=form, follow_redirects=True)
    assert shown.text.count("<li><code>") == 10
    assert shown.request.query_string
    assert "<li><code>" not in client.get(shown.request.full_path).text
    clock[0] += timedelta(seconds=30)
    half = with_password(app, anna)
    assert half.get("/").status_code == 303
    entered = half.post("/sign-in/code?next=/gallery", data={"code": phone.code()})
    assert (entered.status_code, entered.headers["Location"]) == (303, "/gallery")
    assert half.get("/").status_code == 200


def test_a_code_counts_once(desk: Desk, anna: User, clock: list[datetime]) -> None:
    """Who read it over a shoulder cannot use it again, nor an older one; the next one counts."""
    app = desk()
    phone, _ = set_up(client_of(app, anna), clock)
    assert enter(with_password(app, anna), phone.code()) == 403  # it confirmed the setting up
    clock[0] += timedelta(seconds=30)
    code = phone.code()
    assert enter(with_password(app, anna), code) == 303
    assert enter(with_password(app, anna), code) == 403
    clock[0] += timedelta(seconds=30)
    assert enter(with_password(app, anna), code) == 403
    assert enter(with_password(app, anna), phone.code()) == 303


def test_a_recovery_code_counts_once_and_in_any_writing(
    desk: Desk, anna: User, clock: list[datetime]
) -> None:
    """With the phone lost, each code opens once; the page says how many are left; new ones replace them."""
    app = desk()
    client = client_of(app, anna)
    _, codes = set_up(client, clock)
    assert enter(with_password(app, anna), codes[0].upper().replace("-", " ")) == 303
    assert enter(with_password(app, anna), codes[0]) == 403
    assert "9 recovery codes are left" in client.get("/account/second-factor").text
    fresh = client.post("/account/second-factor/recovery-codes", follow_redirects=True).text
    assert fresh.count("<li><code>") == 10
    assert enter(with_password(app, anna), codes[1]) == 403


def test_guessing_codes_is_slowed(desk: Desk, anna: User, clock: list[datetime]) -> None:
    """After five failures the right code is refused, too, until the wait is over."""
    app = desk()
    phone, _ = set_up(client_of(app, anna), clock)
    half = with_password(app, anna)
    for guess in range(5):
        assert enter(half, f"00000{guess}") == 403
    clock[0] += timedelta(seconds=30)
    assert enter(half, phone.code()) == 403
    clock[0] += timedelta(seconds=61)
    assert enter(half, phone.code()) == 303


def test_half_a_sign_in_ends(desk: Desk, anna: User, clock: list[datetime]) -> None:
    """Ten minutes after the password, and once the account's sessions end, the code is asked for no more."""
    app = desk()
    phone, _ = set_up(client_of(app, anna), clock)
    late, ended = with_password(app, anna), with_password(app, anna)
    clock[0] += timedelta(minutes=10)
    response = late.post("/sign-in/code", data={"code": phone.code()})
    assert (response.status_code, "Signing in took too long" in response.text) == (403, True)
    app.extensions["simsvc"].users.end_sessions(anna.id)
    assert enter(ended, phone.code()) == 403


def test_a_new_password_by_link_does_not_replace_the_code(
    desk: Desk, anna: User, clock: list[datetime]
) -> None:
    """Who gets hold of a one-time link still lacks the phone."""
    app = desk()
    set_up(client_of(app, anna), clock)
    token = app.extensions["simsvc"].accounts.reset(anna.id).token
    client, words = client_of(app, None), "nine brown otters dive"
    response = client.post(f"/welcome/{token}", data={"password": words, "again": words})
    assert response.headers["Location"] == "/sign-in/code"
    assert client.get("/").status_code == 303


def test_an_administrator_resets_it(desk: Desk, anna: User, clock: list[datetime]) -> None:
    """Then the password alone opens the desk again."""
    app = desk()
    set_up(client_of(app, anna), clock)
    admin = signed_in(app, "admin")
    assert "Reset second factor" in admin.get(f"/users/{anna.id}").text
    assert admin.post(f"/users/{anna.id}/second-factor/reset").status_code == 303
    response = client_of(app, None).post("/sign-in", data={"name": anna.name, "password": PASSWORD})
    assert response.headers["Location"] == "/"


def test_where_it_is_required_nothing_else_opens_first(desk: Desk, anna: User, clock: list[datetime]) -> None:
    """Every page leads to setting it up, and after that opens; it can be replaced, not left out."""
    client = client_of(desk(second_factor="required"), anna)
    assert client.get("/").headers["Location"] == "/account/second-factor"
    assert client.post("/estimates").headers["Location"] == "/account/second-factor"
    set_up(client, clock)
    assert client.get("/").status_code == 200
    assert client.post("/account/second-factor/remove").headers["Location"] == "/account/second-factor"
    assert client.get("/").status_code == 303


def test_where_it_is_off_nobody_is_asked(desk: Desk, anna: User, clock: list[datetime]) -> None:
    """The operator's way back in: no code is asked for, none can be set up."""
    set_up(client_of(desk(), anna), clock)
    app = desk(second_factor="off")
    client = client_of(app, None)
    response = client.post("/sign-in", data={"name": anna.name, "password": PASSWORD})
    assert response.headers["Location"] == "/"
    client.environ_base["HTTP_X_CSRFTOKEN"] = token_in(client.get("/account").text)
    assert "second-factor" not in client.get("/account").text
    assert client.post("/account/second-factor").status_code == 409


def test_the_secret_is_encrypted_and_a_lost_key_is_told(
    desk: Desk, anna: User, clock: list[datetime]
) -> None:
    """The row does not hold the secret; with another session key recovery codes still work."""
    app = desk()
    client = client_of(app, anna)
    page = client.get("/account/second-factor").text
    key = re.findall(r'class="one-time-link">([a-z2-7 ]+)<', page)[0].replace(" ", "").upper()
    phone, codes = set_up(client, clock)
    with app.extensions["simsvc"].database.reading() as session:
        kept = session.scalar(select(UserRow.totp_secret).where(UserRow.public_id == anna.id))
    assert kept
    assert base64.b32decode(key) not in base64.urlsafe_b64decode(kept)
    other = desk(secret_key="another key, long enough to sign with")  # noqa: S106 - signs nothing of worth
    clock[0] += timedelta(seconds=30)
    half = with_password(other, anna)
    refused = half.post("/sign-in/code", data={"code": phone.code()})
    assert "key has changed" in refused.text
    assert enter(half, codes[0]) == 303
