from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from simsvc.settings import Settings
from simsvc.store.desk.history import HistoryFilter
from simsvc.store.tables import SignInClientRow
from simsvc.web.app import create_app
from simsvc.web.security.clients import network_of
from tests.simsvc.web.helpers import checked, upload
from tests.simsvc.web.programs import program
from tests.simsvc.web.signed_in import PASSWORD, account, client_of, signed_in
from tests.small_site import drawn_photo

NEW = "nine brown otters dive"


@pytest.fixture(scope="module")
def desk(site: Settings) -> Iterator[Flask]:
    app = create_app(site.model_copy(update={"sign_in_rate": "1000 per minute"}))
    yield app
    app.extensions["simsvc"].database.close()


@pytest.fixture
def admin(desk: Flask) -> FlaskClient:
    return client_of(desk, account(desk, "admin"))


@pytest.fixture
def nobody(desk: Flask) -> FlaskClient:
    return client_of(desk, None)


def link_in(html: str) -> str:
    found = re.search(r'class="one-time-link">http://127\.0\.0\.1:8000(/welcome/[\w-]{43})<', html)
    assert found
    return found[1]


def invite(admin: FlaskClient, name: str, role: str = "underwriter") -> str:
    sent = admin.post("/users", data={"name": name, "role": role}, follow_redirects=True)
    return link_in(sent.text)


def enter(client: FlaskClient, name: str, password: str) -> int:
    return client.post("/sign-in", data={"name": name, "password": password}).status_code


def test_an_admin_invites_and_the_guest_gets_in(desk: Flask, admin: FlaskClient, nobody: FlaskClient) -> None:
    """The link shown once leads to a form; sending it sets the password, signs in, and uses the link up."""
    link = invite(admin, "Guest of the page")
    assert link not in admin.get("/users").text
    for _ in range(2):
        assert "Guest of the page" in nobody.get(link).text  # a mail scanner burns nothing
    response = nobody.post(link, data={"password": NEW, "again": NEW})
    assert (response.status_code, response.headers["Location"]) == (303, "/")
    assert "Guest of the page" in nobody.get("/").text
    assert client_of(desk, None).get(link).status_code == 410
    assert client_of(desk, None).post(link, data={"password": NEW, "again": NEW}).status_code == 410


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"password": "short", "again": "short"}, "fewer than 12 characters"),
        ({"password": NEW, "again": NEW + "x"}, "Enter the new password twice"),
        ({}, "fewer than 12 characters"),
    ],
)
def test_a_refused_password_keeps_the_link(
    admin: FlaskClient, nobody: FlaskClient, form: dict[str, str], says: str
) -> None:
    """The page says what is wrong where the fields are, and the link still counts."""
    account_name = f"Typist {len(form)} {len(form.get('again', ''))}"
    link = invite(admin, account_name)
    response = nobody.post(link, data=form)
    assert response.status_code == 422
    assert says in response.text
    assert 'aria-invalid="true"' in response.text
    assert NEW not in response.text
    assert nobody.get(link).status_code == 200


def test_the_account_page_changes_the_password(desk: Flask) -> None:
    """It takes the old one; other sessions end, this one goes on."""
    user = account(desk, "auditor", "Changing")
    here, elsewhere = client_of(desk, user), client_of(desk, user)
    wrong = here.post("/account", data={"old": "wrong old password", "password": NEW, "again": NEW})
    assert (wrong.status_code, "The current password is wrong" in wrong.text) == (403, True)
    right = here.post("/account", data={"old": PASSWORD, "password": NEW, "again": NEW})
    assert right.status_code == 303
    assert "Your password has been changed" in here.get("/account").text
    assert elsewhere.get("/").status_code == 303
    assert enter(client_of(desk, None), "Changing", NEW) == 303


def test_the_list_of_accounts_disables_enables_and_resets(desk: Flask, admin: FlaskClient) -> None:
    """Each button does what it says to that account only."""
    user = account(desk, "underwriter", "Managed")
    assert admin.post(f"/users/{user.id}/disable").status_code == 303
    assert "Managed can no longer sign in" in admin.get("/users").text
    assert enter(client_of(desk, None), "Managed", PASSWORD) == 403
    assert admin.post(f"/users/{user.id}/enable").status_code == 303
    assert enter(client_of(desk, None), "Managed", PASSWORD) == 303
    assert link_in(admin.post(f"/users/{user.id}/link", follow_redirects=True).text)
    assert enter(client_of(desk, None), "Managed", PASSWORD) == 403


def test_names_are_shown_as_text(admin: FlaskClient) -> None:
    """Markup in a name is shown, never run, and a taken name is refused with what was typed kept."""
    named = {"name": "<script>alert(1)</script>", "role": "auditor"}
    html = admin.post("/users", data=named, follow_redirects=True).text
    assert "<script>alert" not in html
    again = admin.post("/users", data={"name": "<SCRIPT>alert(1)</script>", "role": "auditor"})
    assert again.status_code == 409
    assert "Another account has this name" in again.text
    assert 'value="&lt;SCRIPT&gt;alert(1)&lt;/script&gt;"' in again.text


def test_an_unknown_role_is_refused(admin: FlaskClient) -> None:
    """Only the roles of the list exist, whatever the form says."""
    response = admin.post("/users", data={"name": "Root", "role": "root"})
    assert (response.status_code, "Choose one of the roles" in response.text) == (422, True)


def test_the_only_admin_cannot_close_her_account(site: Settings, desk: Flask) -> None:
    """The page says why, and she is still signed in."""
    del site
    user = account(desk, "admin")
    users = desk.extensions["simsvc"].users.all()
    others = [u for u in users if u.role == "admin" and u.id != user.id and u.can_sign_in]
    for other in others:
        desk.extensions["simsvc"].accounts.disable(other.id)
    admin = client_of(desk, user)
    response = admin.post(f"/users/{user.id}/disable")
    assert (response.status_code, "only administrator" in response.text) == (409, True)
    assert admin.get("/users").status_code == 200
    for other in others:
        desk.extensions["simsvc"].accounts.enable(other.id)


@pytest.mark.parametrize("path", ["/", "/gallery", "/model", "/account", "/users", "/nowhere"])
def test_every_page_is_balanced_and_keeps_the_policy(admin: FlaskClient, path: str) -> None:
    """No inline script, style or handler, in either language."""
    for language in ("en", "zh_Hans"):
        admin.set_cookie("language", language)
        page = checked(admin.get(path).text)
        assert page.inline == []
        assert all(source.startswith("/") for source in page.sources + page.actions)


def test_every_form_carries_its_token(admin: FlaskClient, nobody: FlaskClient) -> None:
    """Each form of each page but the search posts and has the session's token."""
    link = invite(admin, "Form reader")
    pages = [admin.get(path).text for path in ("/", "/account", "/users")]
    pages += [nobody.get(path).text for path in ("/sign-in", link)]
    for html in pages:
        for form in re.findall(r'(?s)<form(?! class="site-search").*?</form>', html):
            assert 'method="post"' in form
            assert 'name="csrf_token"' in form


@pytest.mark.parametrize(
    "path", ["/sign-in", "/sign-out", "/account", "/users", "/estimates", "/display", "/welcome/none"]
)
@pytest.mark.parametrize("token", [None, "", "forged"])
def test_a_form_without_its_token_does_nothing(desk: Flask, path: str, token: str | None) -> None:
    """Without the token, and with a wrong one, the answer says what happened and that nothing was lost."""
    client = signed_in(desk, "admin")
    del client.environ_base["HTTP_X_CSRFTOKEN"]
    response = client.post(path, data={} if token is None else {"csrf_token": token})
    assert response.status_code == 400
    assert "no records were lost" in response.text or "What you typed is below" in response.text
    assert client.get("/").status_code == 200


def test_a_token_of_another_session_is_worth_nothing(desk: Flask) -> None:
    """What an attacker gets from a page of her own does not pass in the victim's session."""
    attacker, victim = signed_in(desk, "auditor"), signed_in(desk, "admin")
    victim.environ_base["HTTP_X_CSRFTOKEN"] = attacker.environ_base["HTTP_X_CSRFTOKEN"]
    assert victim.post("/users", data={"name": "Mallory", "role": "admin"}).status_code == 400


def at(desk: Flask, address: str) -> FlaskClient:
    """Return the browser of nobody at a network address."""
    client = client_of(desk, None)
    client.environ_base["REMOTE_ADDR"] = address
    return client


def test_guessing_one_account_slows_the_guesser_and_tells_nothing(desk: Flask) -> None:
    """Six guesses: then the right password is refused with the very page that an unknown name gets."""
    account(desk, "underwriter", "Guessed")
    client = at(desk, "203.0.113.7")
    for _ in range(5):
        assert enter(client, "Guessed", "a wrong password") == 403
    slowed = client.post("/sign-in", data={"name": "Guessed", "password": PASSWORD})
    unknown = client.post("/sign-in", data={"name": "Unknown", "password": PASSWORD})
    assert (slowed.status_code, unknown.status_code) == (403, 403)

    def shown(html: str) -> str:
        return re.sub(r'value="[^"]*"', "", html)

    assert shown(slowed.text) == shown(unknown.text)
    assert enter(at(desk, "203.0.113.8"), "Guessed", PASSWORD) == 303


def test_a_browser_that_signed_in_before_is_not_held_up_at_a_guessers_address(desk: Flask) -> None:
    """Behind one address with the guesser, her own browser opens; the cookie alone opens nothing."""
    account(desk, "underwriter", "Neighbour")
    hers, guesser = at(desk, "203.0.113.9"), at(desk, "203.0.113.9")
    response = hers.post("/sign-in", data={"name": "Neighbour", "password": PASSWORD})
    cookie = next(one for one in response.headers.getlist("Set-Cookie") if one.startswith("simsvc-browser="))
    assert all(word in cookie for word in ("HttpOnly", "SameSite=Lax", "Max-Age=7776000"))
    for _ in range(8):
        enter(guesser, "Neighbour", "a wrong password")
    kept = hers.get_cookie("simsvc-browser")
    assert kept
    for value, status in ((None, 403), ("A" * 43, 403), (kept.value, 303)):
        browser = at(desk, "203.0.113.9")
        if value:
            browser.set_cookie("simsvc-browser", value)
        assert enter(browser, "Neighbour", PASSWORD) == status


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        (None, "unknown"),
        ("no address", "unknown"),
    ],
)
def test_what_counts_as_one_network(address: str | None, network: str) -> None:
    """An IPv4 address, in either notation; of IPv6 the half that one machine may have all addresses of."""
    assert network_of(address) == network


def test_no_address_and_no_cookie_is_kept(desk: Flask) -> None:
    """What is kept of clients are digests."""
    account(desk, "underwriter", "Digested")
    client = at(desk, "203.0.113.77")
    enter(client, "Digested", PASSWORD)
    with desk.extensions["simsvc"].database.reading() as session:
        kept = "".join(session.scalars(select(SignInClientRow.client)))
    cookie = client.get_cookie("simsvc-browser")
    assert cookie
    assert "203.0.113.77" not in kept
    assert cookie.value not in kept


def test_guessing_many_accounts_meets_the_rate(site: Settings) -> None:
    """One address gets no more than its attempts a minute, whatever the names, and is told to wait."""
    client = client_of(create_app(site.model_copy(update={"sign_in_rate": "3 per minute"})), None)
    responses = [
        client.post("/sign-in", data={"name": f"n{n}", "password": "a wrong password"}) for n in range(5)
    ]
    assert [response.status_code for response in responses] == [403, 403, 403, 429, 429]
    assert "Wait a minute" in responses[-1].text
    assert int(responses[-1].headers["Retry-After"]) >= 0


def test_uploads_meet_their_rate_by_account_and_by_token(site: Settings) -> None:
    """The third photo of a minute is refused, on the page and in the API; another token has its own rate."""
    app = create_app(site.model_copy(update={"upload_rate": "2 per minute"}))
    page, api, other = signed_in(app), program(app, "estimate"), program(app, "estimate")
    sent = [page.post("/estimates", data={"photo": (io.BytesIO(b"x"), "a.jpg")}) for _ in range(3)]
    assert [response.status_code for response in sent] == [303, 303, 429]
    posted = [api.post("/api/v1/estimates", data={"photo": (io.BytesIO(b"x"), "a.jpg")}) for _ in range(3)]
    assert [response.status_code for response in posted] == [201, 201, 429]
    assert posted[-1].get_json()["code"] == "too_many_requests"
    assert int(posted[-1].headers["Retry-After"]) > 0
    assert other.post("/api/v1/estimates", data={"photo": (io.BytesIO(b"x"), "a.jpg")}).status_code == 201


def test_the_record_says_who_asked(desk: Flask) -> None:
    """The page names the account; an estimate of the API names the token."""
    client = client_of(desk, account(desk, "underwriter", "Asking person"))
    url = upload(client, drawn_photo())
    row = desk.extensions["simsvc"].estimates.find(url.rpartition("/")[2]).estimate
    assert row.asked_by == account(desk, "underwriter", "Asking person").id
    assert re.search(r"Requested by</dt><dd>Asking person<", client.get(url).text)
    by_api = program(desk).post("/api/v1/estimates", data={"photo": (io.BytesIO(drawn_photo()), "a.jpg")})
    auditor = client_of(desk, account(desk, "auditor"))
    assert "Requested by</dt><dd>a test<" in auditor.get(f"/estimates/{by_api.get_json()['id']}").text


def test_an_upload_without_a_session_is_not_judged(desk: Flask, nobody: FlaskClient) -> None:
    """Nothing is recorded for nobody."""
    before = desk.extensions["simsvc"].history.page(HistoryFilter(), "newest", 1)[0]
    response = nobody.post("/estimates", data={"photo": (io.BytesIO(drawn_photo()), "a.jpg")})
    assert response.status_code == 400
    assert 'href="/sign-in"' in response.text
    assert desk.extensions["simsvc"].history.page(HistoryFilter(), "newest", 1)[0] == before
