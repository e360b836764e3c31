"""Sessions, tokens and records are the same on every host: a change on one counts at once on the other."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from simsvc.values.access.tokens import SCOPES, TokenDraft
from simsvc.values.events import COMMAND
from simsvc.web.app import create_app
from simsvc.wiring.erasure import eraser
from tests.helpers import wait_until
from tests.postgres_server import closed_database
from tests.simsvc.web.signed_in import account, client_of
from tests.simsvc.wiring.cluster.conftest import Hosts
from tests.small_site import drawn_photo


@pytest.fixture
def apps(hosts: Hosts) -> Iterator[tuple[Flask, Flask]]:
    """Give the application of each host."""
    both = create_app(hosts.a.settings), create_app(hosts.b.settings)
    yield both
    for app in both:
        app.extensions["simsvc"].database.close()


def on_other(client: FlaskClient, app: Flask) -> FlaskClient:
    """Return the same browser at another host: the same cookie and form token."""
    other, cookie = app.test_client(), client.get_cookie("simsvc")
    assert cookie
    other.set_cookie("simsvc", cookie.value)
    other.environ_base["HTTP_X_CSRFTOKEN"] = client.environ_base["HTTP_X_CSRFTOKEN"]
    return other


def test_a_session_of_one_host_counts_on_the_other(apps: tuple[Flask, Flask]) -> None:
    """A person signed in at A is at B, forms included, until they sign out at either."""
    at_a = client_of(apps[0], account(apps[0], "underwriter"))
    at_b = on_other(at_a, apps[1])
    assert at_b.get("/").status_code == 200
    assert at_b.post("/sign-out").status_code == 303
    assert at_a.get("/").status_code == 303


def test_a_closed_account_is_closed_on_every_host(apps: tuple[Flask, Flask], hosts: Hosts) -> None:
    """Who is closed out at A has no session at B with the next request."""
    user = account(apps[0], "underwriter")
    at_b = on_other(client_of(apps[0], user), apps[1])
    assert at_b.get("/").status_code == 200
    hosts.a.accounts.disable(user.id)
    assert at_b.get("/").status_code == 303


def test_a_token_of_one_host_is_revoked_on_the_other(apps: tuple[Flask, Flask], hosts: Hosts) -> None:
    """A token that A made opens B, and no longer after A revoked it."""
    made = hosts.a.tokens.create(TokenDraft("program", SCOPES, 1))
    bearer = {"Authorization": f"Bearer {made.text}"}
    assert apps[1].test_client().get("/api/v1/estimates", headers=bearer).status_code == 200
    hosts.a.tokens.revoke(made.token.id)
    assert apps[1].test_client().get("/api/v1/estimates", headers=bearer).status_code == 401


def test_an_erased_record_is_gone_on_every_host(apps: tuple[Flask, Flask], hosts: Hosts) -> None:
    """A record that A made is shown at B, and is gone there with the request after A erased it."""
    at_a = client_of(apps[0], account(apps[0], "underwriter"))
    at_b = on_other(at_a, apps[1])
    sent = at_a.post("/estimates", data={"photo": (io.BytesIO(drawn_photo()), "me.jpg")})
    record = sent.headers["Location"]
    assert at_b.get(record).status_code == 200
    eraser(hosts.a).estimate(record.rpartition("/")[2], COMMAND)
    assert at_b.get(record).status_code == 410


def test_without_the_database_every_answer_says_when_to_try_again(
    apps: tuple[Flask, Flask], hosts: Hosts, postgres: str
) -> None:
    """Pages, API and /readyz answer 503 within seconds, with Retry-After; afterwards all is as before."""
    at_a = client_of(apps[0], account(apps[0], "underwriter"))
    made = hosts.a.tokens.create(TokenDraft("program", SCOPES, 1))
    bearer = {"Authorization": f"Bearer {made.text}"}
    program = apps[0].test_client()
    assert at_a.get("/").status_code == program.get("/readyz").status_code == 200
    with closed_database(postgres, hosts.a.settings.database_url):
        start_s = time.monotonic()
        page, listed = at_a.get("/"), program.get("/api/v1/estimates", headers=bearer)
        assert [answer.status_code for answer in (page, listed, program.get("/readyz"))] == [503] * 3
        assert page.headers["Retry-After"] == listed.headers["Retry-After"] == "2"
        assert listed.get_json()["code"] == "store_unavailable"
        assert time.monotonic() - start_s < 5
    wait_until(lambda: at_a.get("/").status_code == 200, 3)
    assert program.get("/api/v1/estimates", headers=bearer).status_code == 200
    assert program.get("/readyz").status_code == 200


def test_a_host_that_differs_answers_no_photo(hosts: Hosts) -> None:
    """Its answer is 503 with the reason and a time to try again; its records can be read all the same."""
    hosts.a.host_watch.beat()
    other = create_app(hosts.b.settings.model_copy(update={"secret_key": "another key, long enough too"}))
    client = client_of(other, account(other, "underwriter"))
    sent = client.post("/estimates", data={"photo": (io.BytesIO(drawn_photo()), "me.jpg")})
    assert (sent.status_code, sent.headers["Retry-After"]) == (503, "10")
    assert "Set SECRET_KEY to" in sent.text
    assert client.get("/history").status_code == 200
    other.extensions["simsvc"].database.close()
