"""Every address that a form is sent to can be opened and reloaded, whatever became of the form."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from simsvc.flows.estimates.estimate import estimate
from simsvc.settings import Settings
from simsvc.web.app import create_app
from simsvc.web.pages.desk.opening import PAGE_OF
from simsvc.web.security.scopes import SCOPES_OF
from tests.simsvc.web.helpers import judge_all
from tests.simsvc.web.signed_in import account, client_of, signed_in
from tests.small_site import drawn_photo


@pytest.fixture(scope="module")
def app(site: Settings) -> Iterator[Flask]:
    app = create_app(site.model_copy(update={"sign_in_rate": "1000 per minute"}))
    yield app
    app.extensions["simsvc"].database.close()


def posts(app: Flask) -> list[Rule]:
    """Return every route that takes a form."""
    rules = app.url_map.iter_rules()
    return [rule for rule in rules if "POST" in (rule.methods or ()) and rule.endpoint not in SCOPES_OF]


@pytest.fixture
def values(app: Flask) -> dict[str, str]:
    """Return a value for every gap of those routes that leads to something there is."""
    desk = app.extensions["simsvc"]
    index_name, _, build_id = desk.shelf.current().partition("/")
    batch_id = desk.batches.take_in([("three.jpg", drawn_photo(3))], "three.jpg", "0" * 32, dict)
    judge_all(desk, batch_id)
    estimated = estimate(drawn_photo(3), "three.jpg", desk.pipeline())
    return {
        "public_id": estimated.id,
        "reference": "none",
        "user_id": account(app, "auditor", "opened").id,
        "token_id": "0" * 12,
        "referral_id": "0" * 32,
        "step": "take",
        "token": desk.accounts.reset(account(app, "auditor", "invited again").id).token,
        "index_name": index_name,
        "batch_id": batch_id,
        "position": "0",
        "build_id": build_id,
        "view_id": "0" * 32,
        "number": "1",
        "face_id": estimated.estimate.neighbours[0].face_id,
        "import_id": desk.imports.begin("clinic", "0" * 32),
    }


def address(app: Flask, rule: Rule, values: dict[str, str]) -> str:
    with app.test_request_context():
        return app.url_map.bind("").build(
            rule.endpoint, {name: values[name] for name in rule.arguments}, method="POST"
        )


def opened(client: FlaskClient, path: str) -> int:
    response = client.get(path)
    for _ in range(3):
        if response.status_code == 303:
            response = client.get(response.headers["Location"])
    return response.status_code


NOTHING_THERE = {"erasing.erase_case"}
"""Of the routes with these values: no case is called none, before the form is sent either."""


def test_after_a_failed_form_its_address_opens(app: Flask, values: dict[str, str]) -> None:
    """No POST route answers a GET with 405, and none that was refused with 404, signed in or not."""
    routes = posts(app)
    assert len(routes) > 15
    for rule in routes:
        path = address(app, rule, values)
        for client in (client_of(app, None), signed_in(app, "auditor"), signed_in(app, "admin")):
            sent = client.post(path, data={}).status_code
            if rule.endpoint == "sign_in.leave":
                continue
            status = opened(client, path)
            assert status != 405, (path, sent)
            assert status != 404 or rule.endpoint in NOTHING_THERE, (path, sent)


def test_every_address_without_a_page_of_its_own_leads_to_one(app: Flask) -> None:
    """The table holds each POST route that no page answers, and no other."""
    paged = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and rule.endpoint != "opening.lead"
    }
    assert {rule.rule for rule in posts(app)} - paged == set(PAGE_OF)


def test_opening_such_an_address_changes_nothing(app: Flask, values: dict[str, str]) -> None:
    """The account stays open, the session stays, and the decision form is where it leads."""
    client = signed_in(app, "admin")
    for path in (f"/users/{values['user_id']}/disable", "/sign-out"):
        assert client.get(path).status_code == 303
    assert not app.extensions["simsvc"].users.find(values["user_id"]).disabled
    assert client.get("/").status_code == 200
    decision = client.get(f"/estimates/{values['public_id']}/decisions")
    assert decision.headers["Location"] == f"/estimates/{values['public_id']}#decision"
