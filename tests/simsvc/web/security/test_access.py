from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from simsvc.values import ROLES, Role
from simsvc.web.http.refilled_form import FIELDS
from simsvc.web.security.access import ACCESS
from simsvc.web.security.scopes import SCOPES_OF
from tests.simsvc.web.security.helpers import OPEN, ROUTES, Route
from tests.simsvc.web.signed_in import account, client_of, signed_in


def status(client: FlaskClient, method: str, path: str) -> int:
    return client.open(path, method=method, buffered=True).status_code


def test_every_route_is_in_the_table_and_in_this_test(app: Flask) -> None:
    """A route that is added without an answer to who may call it fails here."""
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert set(ACCESS) | set(SCOPES_OF) == endpoints
    assert {row[0] for row in ROUTES} | {row[0] for row in OPEN} == set(ACCESS)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route[0])
def test_each_role_gets_what_the_table_says(app: Flask, route: Route, role: Role) -> None:
    """Every closed route answers the roles it is for, and refuses the others."""
    endpoint, method, path, allowed, answered = route
    assert app.url_map.bind("").match(path, method)[0] == endpoint
    client = client_of(app, account(app, role, f"matrix {role}"))
    assert status(client, method, path) == (answered if role in allowed else 403)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route[0])
def test_nobody_is_led_to_the_sign_in_page(app: Flask, route: Route) -> None:
    """Without a session every closed route leads to the sign-in page and does nothing."""
    response = client_of(app, None).open(route[2], method=route[1], buffered=True)
    if route[0] in FIELDS:  # what was typed is shown again, beside a link to that page
        assert (response.status_code, 'href="/sign-in"' in response.text) == (400, True)
        return
    assert response.status_code == 303
    assert response.headers["Location"].startswith("/sign-in")


@pytest.mark.parametrize("row", OPEN, ids=lambda row: row[0])
def test_open_routes_answer_anyone(app: Flask, row: tuple[str, str, str, int, int]) -> None:
    """Public routes answer with and without a session."""
    assert status(client_of(app, None), row[1], row[2]) == row[3]
    assert status(signed_in(app, "auditor"), row[1], row[2]) == row[4]


@pytest.mark.parametrize("role", ROLES)
def test_a_route_that_is_not_in_the_table_is_refused(own_app: Flask, role: Role) -> None:
    """What nobody decided on is closed to everyone, signed in or not."""
    own_app.add_url_rule("/forgotten", view_func=lambda: "secret", endpoint="forgotten")
    for client in (signed_in(own_app, role), client_of(own_app, None)):
        response = client.get("/forgotten")
        assert response.status_code == 403
        assert "secret" not in response.text


def test_a_refused_role_is_told_in_words(app: Flask) -> None:
    """An auditor who sends a photo reads a sentence; the first page offers no form."""
    auditor = signed_in(app, "auditor")
    assert "Your role does not allow this" in auditor.post("/estimates").text
    assert 'type="file"' not in auditor.get("/").text
    assert 'href="/users"' not in auditor.get("/").text
    assert 'href="/users"' in signed_in(app, "admin").get("/").text
