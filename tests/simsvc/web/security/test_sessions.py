from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from werkzeug.test import TestResponse

from simsvc.settings import Settings
from simsvc.store.access.sessions import SessionRow
from simsvc.values import User
from simsvc.web.app import create_app
from simsvc.web.security.csrf import local_path
from tests.simsvc.web.helpers import token_in
from tests.simsvc.web.signed_in import PASSWORD, account, client_of


@pytest.fixture
def clock() -> list[datetime]:
    """Hold the time in a list of one, so that a test can move it."""
    return [datetime.now(UTC)]


@pytest.fixture
def desk(site: Settings, clock: list[datetime]) -> Iterator[Flask]:
    app = create_app(site.model_copy(update={"sign_in_rate": "1000 per minute"}), now=lambda: clock[0])
    yield app
    app.extensions["simsvc"].database.close()


@pytest.fixture
def anna(desk: Flask, request: pytest.FixtureRequest) -> User:
    """Return an underwriter of this test's own."""
    return account(desk, "underwriter", f"anna of {request.node.name}"[:64])


def sign_in(client: FlaskClient, name: str, password: str = PASSWORD, target: str = "/") -> TestResponse:
    token = token_in(client.get("/sign-in").text)
    form = {"csrf_token": token, "name": name, "password": password, "next": target}
    return client.post("/sign-in", data=form)


def test_name_and_password_open_the_desk(desk: Flask, anna: User) -> None:
    """After signing in the first page greets by name and role; the name's case does not matter."""
    client = desk.test_client()
    response = sign_in(client, anna.name.upper())
    assert (response.status_code, response.headers["Location"]) == (303, "/")
    html = client.get("/").text
    assert anna.name in html
    assert "underwriter" in html


def test_signing_out_ends_the_session_and_every_copy_of_it(desk: Flask, anna: User) -> None:
    """A cookie copied before signing out is worth nothing afterwards; other sessions go on."""
    client, copy, other = client_of(desk, anna), desk.test_client(), client_of(desk, anna)
    cookie = client.get_cookie("simsvc")
    assert cookie
    copy.set_cookie("simsvc", cookie.value)
    assert copy.get("/").status_code == 200
    assert client.post("/sign-out").status_code == 303
    assert client.get("/").status_code == 303
    assert copy.get("/").status_code == 303
    assert other.get("/").status_code == 200


def test_signing_out_takes_a_post(desk: Flask, anna: User) -> None:
    """A link or picture cannot sign anyone out: opened, the address leads to the first page."""
    client = client_of(desk, anna)
    assert client.get("/sign-out").headers["Location"] == "/"
    assert client.get("/").status_code == 200


def test_a_session_is_regenerated_at_sign_in(desk: Flask, anna: User) -> None:
    """A session planted before does not become the signed-in one, and nothing in it survives."""
    victim = desk.test_client()
    planted = victim.get("/sign-in").headers["Set-Cookie"].split(";")[0].partition("=")[2]
    with victim.session_transaction() as before:
        before["planted"] = "yes"
    assert sign_in(victim, anna.name).status_code == 303
    with victim.session_transaction() as after:
        assert "planted" not in after
    attacker = desk.test_client()
    attacker.set_cookie("simsvc", planted)
    assert attacker.get("/").status_code == 303


def test_an_old_form_token_is_worth_nothing_after_sign_in(desk: Flask, anna: User) -> None:
    """The token of the session before does not pass in the new one."""
    client = desk.test_client()
    old = token_in(client.get("/sign-in").text)
    sign_in(client, anna.name)
    assert client.post("/sign-out", data={"csrf_token": old}).status_code == 400


@pytest.mark.parametrize(("minutes", "status"), [(29, 200), (31, 303)])
def test_an_unused_session_ends(
    desk: Flask, anna: User, clock: list[datetime], minutes: int, status: int
) -> None:
    """After 30 minutes without a request the session is over; before, it is not."""
    client = client_of(desk, anna)
    clock[0] += timedelta(minutes=minutes)
    assert client.get("/").status_code == status


def test_a_used_session_lasts_until_it_is_twelve_hours_old(
    desk: Flask, anna: User, clock: list[datetime]
) -> None:
    """Requests keep a session alive, but not for more than twelve hours."""
    client = client_of(desk, anna)
    statuses = []
    for _ in range(37):
        clock[0] += timedelta(minutes=20)
        statuses.append(client.get("/").status_code)
    assert statuses == [200] * 35 + [303] * 2


def test_an_ended_session_is_explained_and_leads_back(desk: Flask, anna: User, clock: list[datetime]) -> None:
    """The sign-in page says what happened, and after it the visitor is where she wanted to go."""
    client = client_of(desk, anna)
    clock[0] += timedelta(hours=1)
    response = client.get("/gallery?x=1")
    page = client.get(response.headers["Location"])
    assert "Your session has ended" in page.text
    assert re.search(r'name="next" value="/gallery\?x=1"', page.text)
    assert sign_in(client, anna.name, target="/gallery?x=1").headers["Location"] == "/gallery?x=1"


def test_a_visitor_without_a_session_is_not_told_of_an_end(desk: Flask) -> None:
    """Who was never signed in reads no word of a session."""
    client = desk.test_client()
    assert "has ended" not in client.get(client.get("/gallery").headers["Location"]).text


def test_a_form_sent_after_the_end_is_not_taken(desk: Flask, anna: User, clock: list[datetime]) -> None:
    """Changing the password in a dead session changes nothing and leads back to the account page."""
    client = client_of(desk, anna)
    clock[0] += timedelta(hours=1)
    response = client.post("/account", data={"old": PASSWORD, "password": "x" * 20, "again": "x" * 20})
    assert response.headers["Location"].startswith("/sign-in?next=/account")
    assert sign_in(desk.test_client(), anna.name).status_code == 303


def test_disabling_ends_sessions_at_once(desk: Flask, anna: User) -> None:
    """A closed account's open browser is out with its next click, and cannot sign in again."""
    client = client_of(desk, anna)
    desk.extensions["simsvc"].accounts.disable(anna.id)
    assert client.get("/").status_code == 303
    assert sign_in(desk.test_client(), anna.name).status_code == 403
    desk.extensions["simsvc"].accounts.enable(anna.id)
    assert sign_in(desk.test_client(), anna.name).status_code == 303


def test_a_forged_session_is_nobody(desk: Flask, anna: User) -> None:
    """A session signed with another key does not count."""
    other = create_app(
        desk.extensions["simsvc"].settings.model_copy(update={"secret_key": "another key " * 4})
    )
    forged = client_of(other, anna).get_cookie("simsvc")
    assert forged
    client = desk.test_client()
    client.set_cookie("simsvc", forged.value)
    assert client.get("/").status_code == 303


def test_the_cookie_is_kept_from_scripts_and_other_sites(desk: Flask) -> None:
    """HttpOnly and SameSite=Lax always; the cookie goes with the browser."""
    flags = desk.test_client().get("/sign-in").headers["Set-Cookie"]
    assert "HttpOnly" in flags
    assert "SameSite=Lax" in flags
    assert "Expires" not in flags
    assert "Secure" not in flags


def test_behind_tls_the_cookie_is_secure(site: Settings) -> None:
    """With SIMSVC_TLS=1 the cookie is Secure and bound to the host, and browsers stay on HTTPS."""
    response = (
        create_app(site.model_copy(update={"tls": True}))
        .test_client()
        .get("/sign-in", base_url="https://desk.example")
    )
    assert response.headers["Set-Cookie"].startswith("__Host-simsvc=")
    assert "Secure" in response.headers["Set-Cookie"]
    assert "max-age" in response.headers["Strict-Transport-Security"]


@pytest.mark.parametrize(
    ("referrer", "status"),
    [("https://desk.example/sign-in", 403), ("https://evil.example/", 400), (None, 403)],
)
def test_behind_tls_a_form_comes_from_this_site(site: Settings, referrer: str | None, status: int) -> None:
    """With HTTPS a form of another site is refused; otherwise name and password are looked at."""
    client, base = create_app(site.model_copy(update={"tls": True})).test_client(), "https://desk.example"
    form = {"csrf_token": token_in(client.get("/sign-in", base_url=base).text), "name": "a", "password": "b"}
    headers = {"Referer": referrer} if referrer else {}
    assert client.post("/sign-in", base_url=base, data=form, headers=headers).status_code == status


def test_signed_in_pages_stay_out_of_caches(desk: Flask, anna: User) -> None:
    """A page is not stored, so that "back" after signing out shows nothing."""
    assert client_of(desk, anna).get("/").headers["Cache-Control"] == "no-store"


FOREIGN = [
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "javascript:alert(1)",
    "/\t/evil.example",
    "/\n/evil.example",
    "///evil.example",
    "evil.example",
    "",
]


@pytest.mark.parametrize("target", FOREIGN)
def test_sign_in_leads_to_this_site_only(desk: Flask, anna: User, target: str) -> None:
    """Whatever `next` says, the browser stays here: by the form, and when already signed in."""
    assert sign_in(desk.test_client(), anna.name, target=target).headers["Location"] == "/"
    client = client_of(desk, anna)
    assert client.get("/sign-in", query_string={"next": target}).headers["Location"] == "/"


@given(st.text())
def test_a_local_path_has_no_host(text: str) -> None:
    """Any text becomes a path of this site."""
    path = local_path(text)
    assert path.startswith("/")
    assert urlsplit(path).netloc == ""
    assert "\\" not in path


def test_a_proxy_is_believed_only_where_there_is_one(site: Settings) -> None:
    """X-Forwarded-For counts with SIMSVC_PROXIES=1 and is ignored without."""
    for proxies, limited in ((0, True), (1, False)):
        app = create_app(site.model_copy(update={"proxies": proxies, "sign_in_rate": "2 per minute"}))
        client = client_of(app, None)
        statuses = [
            client.post("/sign-in", headers={"X-Forwarded-For": f"192.0.2.{n}"}).status_code for n in range(4)
        ]
        assert (429 in statuses) == limited


FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"
PHONE = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile"


def in_browser(desk: Flask, user: User, agent: str, address: str) -> FlaskClient:
    """Sign in with a browser at an address."""
    client = desk.test_client()
    client.environ_base |= {"HTTP_USER_AGENT": agent, "REMOTE_ADDR": address}
    assert sign_in(client, user.name).status_code == 303
    return client


def ended(client: FlaskClient, path: str) -> int:
    return client.post(path, data={"csrf_token": token_in(client.get("/account").text)}).status_code


def test_the_account_page_lists_sessions_and_ends_them(desk: Flask, anna: User) -> None:
    """Browser and network in words, this one marked; one button ends one session, another all others."""
    here = in_browser(desk, anna, FIREFOX, "192.0.2.77")
    phone = in_browser(desk, anna, PHONE, "2001:db8:1:2::3")
    third = in_browser(desk, anna, "", "192.0.2.78")
    html = here.get("/account").text
    for words in ("Firefox on Windows", "192.0.2.0/24", "Chrome on Android", "2001:db8:1::/48"):
        assert words in html
    assert html.count("this browser") == 1
    assert "192.0.2.77" not in html
    sessions = desk.extensions["simsvc"].sessions.of(anna.id, desk.extensions["simsvc"].now())
    number = next(one.number for one in sessions if one.browser == "Chrome")
    assert ended(here, f"/account/sessions/{number}/end") == 303
    assert (phone.get("/").status_code, third.get("/").status_code) == (303, 200)
    assert ended(here, "/account/sessions/end-others") == 303
    assert (here.get("/").status_code, third.get("/").status_code) == (200, 303)


def test_nobody_ends_the_sessions_of_another(desk: Flask, anna: User) -> None:
    """A number of somebody else's session does nothing on one's own page."""
    here, other = client_of(desk, anna), client_of(desk, account(desk, "auditor", "Other sessions"))
    services = desk.extensions["simsvc"]
    theirs = services.sessions.of(account(desk, "auditor", "Other sessions").id, services.now())
    assert here.post(f"/account/sessions/{theirs[0].number}/end").status_code == 303
    assert other.get("/").status_code == 200


def test_an_administrator_ends_sessions_and_changes_a_role_at_once(desk: Flask, anna: User) -> None:
    """The open session has the new role with its next click, and none after it was signed out."""
    admin, client = client_of(desk, account(desk, "admin")), client_of(desk, anna)
    assert 'type="file"' in client.get("/").text
    changed = admin.post(f"/users/{anna.id}/role", data={"role": "auditor"}, follow_redirects=True)
    assert "now has the role auditor" in changed.text
    assert 'type="file"' not in client.get("/").text
    assert admin.post(f"/users/{anna.id}/role", data={"role": "root"}).status_code == 422
    assert (
        "1 session was signed out" in admin.post(f"/users/{anna.id}/sessions/end", follow_redirects=True).text
    )
    assert client.get("/").status_code == 303


def test_a_session_from_before_the_upgrade_signs_in_again(desk: Flask, anna: User) -> None:
    """The cookie that earlier versions gave opens nothing, and the page says why."""
    client = desk.test_client()
    with client.session_transaction() as kept:
        kept.update({"_user_id": f"{anna.id}.{anna.epoch}", "_fresh": True})
    response = client.get("/gallery")
    assert response.headers["Location"] == "/sign-in?next=/gallery&ended=upgrade"
    assert "has been updated" in client.get(response.headers["Location"]).text


def test_the_time_of_use_is_written_once_a_minute(desk: Flask, anna: User, clock: list[datetime]) -> None:
    """Requests within a minute write nothing."""
    client, services = client_of(desk, anna), desk.extensions["simsvc"]
    begun = clock[0]
    seen = []
    for _ in range(4):
        clock[0] += timedelta(seconds=25)
        client.get("/account")
        seen.append(services.sessions.of(anna.id, clock[0])[0].seen_at - begun)
    assert seen == [timedelta(), timedelta(), timedelta(seconds=75), timedelta(seconds=75)]


def test_the_database_does_not_hold_what_opens_a_session(desk: Flask, anna: User) -> None:
    """Of the cookie only a digest is kept."""
    client = client_of(desk, anna)
    with client.session_transaction() as kept:
        session_id = kept["_user_id"]
    with desk.extensions["simsvc"].database.reading() as session:
        rows = session.scalars(select(SessionRow)).all()
    assert session_id not in "".join(str(vars(row)) for row in rows)
