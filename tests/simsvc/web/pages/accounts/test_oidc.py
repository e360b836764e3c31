"""Sign-in through an OpenID provider, against one that answers on this machine."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from joserfc.jwk import RSAKey
from sqlalchemy import select
from werkzeug.test import TestResponse

from simsvc.settings import Settings
from simsvc.store.tables import EventContentRow
from simsvc.values import User
from simsvc.web.app import create_app
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, Provider, query_of, serving
from tests.servers import free_port
from tests.simsvc.web.signed_in import PASSWORD, account, client_of

Desk = Callable[..., Flask]


@pytest.fixture(scope="module")
def offset() -> list[timedelta]:
    """Hold by how much the clocks of service and provider are ahead, in a list of one."""
    return [timedelta()]


@pytest.fixture(scope="module")
def serving_provider(offset: list[timedelta]) -> Iterator[Provider]:
    with serving(lambda: datetime.now(UTC) + offset[0]) as provider:
        yield provider


@pytest.fixture
def provider(serving_provider: Provider, offset: list[timedelta], request: pytest.FixtureRequest) -> Provider:
    """Return the provider, asked by a person of this test's own."""
    offset[0] = timedelta()
    serving_provider.claims = {"sub": request.node.name, "name": f"Ada of {request.node.name}"[:64]}
    serving_provider.wrong, serving_provider.described = {}, {}
    serving_provider.key = serving_provider.published
    return serving_provider


@pytest.fixture
def desk(site: Settings, provider: Provider, offset: list[timedelta]) -> Iterator[Desk]:
    """Return a maker of services that know the provider, with further settings."""
    made: list[Flask] = []
    ways = {"oidc_issuer": provider.issuer, "oidc_client_id": CLIENT_ID, "oidc_client_secret": CLIENT_SECRET}

    def make(**settings: Any) -> Flask:
        given = {"sign_in_rate": "1000 per minute", **ways, **settings}
        made.append(create_app(site.model_copy(update=given), now=lambda: datetime.now(UTC) + offset[0]))
        return made[-1]

    yield make
    for app in made:
        app.extensions["simsvc"].database.close()


def through(client: FlaskClient, path: str = "/sign-in/oidc") -> TestResponse:
    """Follow the way to the provider and back."""
    begun = client.get(path)
    assert begun.status_code == 303, begun.text
    answer = requests.get(begun.headers["Location"], allow_redirects=False, timeout=10)
    return client.get("/sign-in/oidc/back", query_string=query_of(answer.headers["Location"]))


def linked(app: Flask, name: str, role: Any = "underwriter") -> User:
    """Invite somebody, who links the account to the provider's identity, and return the account."""
    services = app.extensions["simsvc"]
    invitation = services.accounts.add(name, role)
    response = through(client_of(app, None), f"/sign-in/oidc?link={invitation.token}")
    assert response.status_code == 303, response.text
    found: User = services.accounts.find(invitation.user.id)
    return found


def refusal(response: TestResponse, status: int = 403) -> str:
    """Return what a refused sign-in says."""
    assert response.status_code == status
    return response.text


def test_an_invited_person_links_the_account_and_signs_in_from_then_on(desk: Desk) -> None:
    """The link leads to the provider once; later the button on the sign-in page is enough, and is logged."""
    app = desk()
    services = app.extensions["simsvc"]
    invitation = services.accounts.add("Ada by link", "underwriter")
    nobody = client_of(app, None)
    welcome = nobody.get(f"/welcome/{invitation.token}").text
    address = re.findall(r'href="(/sign-in/oidc\?link=[^"]+)"', welcome)[0]
    assert through(nobody, address).headers["Location"] == "/"
    assert "Ada by link" in nobody.get("/").text
    again = client_of(app, None)
    assert 'href="/sign-in/oidc"' in again.get("/sign-in").text
    assert through(again, "/sign-in/oidc?next=/gallery").headers["Location"] == "/gallery"
    assert "Organisation account" in again.get("/account").text
    assert refusal(through(client_of(app, None), f"/sign-in/oidc?link={invitation.token}"), 410)
    with services.database.reading() as session:
        said = session.scalars(select(EventContentRow.content)).all()
    assert any('"change":"linked"' in content for content in said)
    assert '{"method":"oidc","outcome":"succeeded"}' in said


def test_an_unknown_person_is_told_to_ask_for_a_link(desk: Desk) -> None:
    """Nobody gets an account by the provider's word alone; the password form stays."""
    app = desk()
    client = client_of(app, None)
    html = refusal(through(client))
    assert "not linked to an account here" in html
    assert 'name="password"' in html
    assert client.get("/").status_code == 303


def other_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "k1"}, private=True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": "of another sign-in"},
        {"exp": 1_000_000_000},
        {"aud": "another client"},
        {"aud": [CLIENT_ID, "another"]},
        {"iss": "https://evil.example"},
        {"iat": "no time"},
        {"sub": None},
        "key",
    ],
    ids=str,
)
def test_a_token_that_is_not_right_opens_nothing(desk: Desk, provider: Provider, wrong: Any) -> None:
    """Nonce, expiry, audience, issuer, subject and signature: each is checked."""
    app = desk()
    linked(app, f"Checked {wrong}")
    provider.key = other_key() if wrong == "key" else provider.key
    provider.wrong = wrong if isinstance(wrong, dict) else {}
    client = client_of(app, None)
    assert "could not be verified" in refusal(through(client))
    assert client.get("/").status_code == 303


def test_a_code_that_the_provider_refuses_opens_nothing(desk: Desk) -> None:
    """With a wrong client secret the provider gives no token; that is a sentence, too."""
    app = desk(oidc_client_secret="another secret")  # noqa: S106 - opens nothing
    assert "could not be verified" in refusal(through(client_of(app, None)))


def test_a_disabled_account_stays_closed(desk: Desk) -> None:
    """The provider still knows the person; the service does not let them in."""
    app = desk()
    user = linked(app, "Ada disabled")
    app.extensions["simsvc"].accounts.disable(user.id)
    assert "Your account is disabled" in refusal(through(client_of(app, None)))


def test_an_answer_for_another_browser_is_refused(desk: Desk) -> None:
    """An attacker's code, put into the victim's browser, signs nobody in; nor does an old one."""
    app = desk()
    linked(app, "Ada of two browsers")
    attacker, victim = client_of(app, None), client_of(app, None)
    begun = attacker.get("/sign-in/oidc")
    answer = requests.get(begun.headers["Location"], allow_redirects=False, timeout=10)
    back = query_of(answer.headers["Location"])
    assert "began in another browser" in refusal(victim.get("/sign-in/oidc/back", query_string=back))
    victim.get("/sign-in/oidc")
    assert "began in another browser" in refusal(victim.get("/sign-in/oidc/back", query_string=back))
    assert victim.get("/").status_code == 303


def test_a_person_who_declines_is_back_at_the_sign_in_page(desk: Desk) -> None:
    """What the provider says of an error is not shown; a sentence is."""
    client = client_of(desk(), None)
    state = query_of(client.get("/sign-in/oidc").headers["Location"])["state"]
    sent = {"error": "access_denied", "error_description": "<b>no</b>", "state": state}
    html = refusal(client.get("/sign-in/oidc/back", query_string=sent))
    assert "did not sign you in" in html
    assert "<b>no" not in html


def test_accounts_are_created_with_the_role_of_their_group(desk: Desk, provider: Provider) -> None:
    """The role follows the groups at every sign-in; without a group nobody gets in."""
    roles = {"desk": "underwriter", "check": "auditor"}
    app = desk(oidc_accounts="created", oidc_role_claim="realm.groups", oidc_roles=roles)
    provider.claims |= {"name": "Ada created", "realm": {"groups": ["staff", "check"]}}
    client = client_of(app, None)
    assert through(client).status_code == 303
    assert app.extensions["simsvc"].accounts.named("Ada created").role == "auditor"
    provider.claims["realm"] = {"groups": ["check", "desk"]}
    assert through(client_of(app, None)).status_code == 303
    assert app.extensions["simsvc"].accounts.named("Ada created").role == "underwriter"
    provider.claims["realm"] = {"groups": ["staff"]}
    assert "none of the groups" in refusal(through(client_of(app, None)))


def test_a_created_account_takes_nobodys_name(desk: Desk, provider: Provider) -> None:
    """A local account is not taken over by a person of the same name."""
    app = desk(oidc_accounts="created", oidc_role_claim="role")
    account(app, "admin", "Same name")
    provider.claims |= {"name": "same NAME", "role": "admin"}
    assert "An account with your name already exists" in refusal(through(client_of(app, None)))


def test_a_silent_provider_leaves_passwords(desk: Desk) -> None:
    """The page says so, and the password still opens the desk."""
    app = desk(oidc_issuer=f"http://127.0.0.1:{free_port()}")
    client = client_of(app, None)
    html = refusal(client.get("/sign-in/oidc"), 503)
    assert "does not answer" in html
    user = account(app, "underwriter", "Local")
    assert client.post("/sign-in", data={"name": user.name, "password": PASSWORD}).status_code == 303


def test_no_other_host_is_asked(desk: Desk, provider: Provider) -> None:
    """A description that refers to another host is refused before anything is sent there."""
    provider.described = {"token_endpoint": "https://elsewhere.example/token"}
    assert "refers to another host" in refusal(through(client_of(desk(), None)), 503)


def test_passwords_can_be_switched_off(desk: Desk) -> None:
    """The form is gone, and sending it all the same opens nothing."""
    app = desk(password_sign_in=False)
    user, client = account(app, "underwriter", "Without password"), client_of(app, None)
    assert 'name="password"' not in client.get("/sign-in").text
    sent = client.post("/sign-in", data={"name": user.name, "password": PASSWORD})
    assert "Passwords are switched off" in refusal(sent)


def test_a_sensitive_act_is_confirmed_at_the_provider(
    desk: Desk, provider: Provider, offset: list[timedelta]
) -> None:
    """After 15 minutes the provider asks again; the form waits, and one button sends it on."""
    app = desk()
    boss, other = linked(app, "Ada the boss", "admin"), account(app, "underwriter", "Promoted by Ada")
    client = client_of(app, boss)
    offset[0] = timedelta(minutes=16)
    asked = client.post(f"/users/{other.id}/role", data={"role": "auditor"})
    assert "/sign-in/oidc?confirm=1" in refusal(asked)
    assert "confirm_password" not in asked.text
    provider.wrong = {"auth_time": None}
    assert "did not say when you last signed in" in refusal(through(client, "/sign-in/oidc?confirm=1"))
    provider.wrong = {"sub": "somebody else"}
    assert "different organisation account" in refusal(through(client, "/sign-in/oidc?confirm=1"))
    provider.wrong = {}
    assert through(client, "/sign-in/oidc?confirm=1").headers["Location"] == "/confirmed"
    waiting = client.get("/confirmed").text
    assert f'action="/users/{other.id}/role"' in waiting
    assert 'name="role" value="auditor"' in waiting
    assert client.post(f"/users/{other.id}/role", data={"role": "auditor"}).status_code == 303
    assert app.extensions["simsvc"].accounts.find(other.id).role == "auditor"
