from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from simsvc.values import ROLES, Role
from simsvc.web.http.refilled_form import FIELDS
from simsvc.web.security.access import ACCESS
from simsvc.web.security.scopes import SCOPES_OF
from tests.simsvc.web.signed_in import account, client_of, signed_in

ID = "0" * 32
ALL, ASKING, KEEPING = set(ROLES), {"underwriter", "admin"}, {"admin"}

Route = tuple[str, str, str, set[str], int]
ROUTES: list[Route] = [
    ("pages.start", "GET", "/", ALL, 200),
    ("pages.create", "POST", "/estimates", ASKING, 415),
    ("pages.preview", "POST", "/crop", ASKING, 415),
    ("pages.show", "GET", f"/estimates/{ID}", ALL, 404),
    ("pages.compare", "GET", f"/estimates/{ID}/faces/1", ALL, 404),
    ("decisions.create", "POST", f"/estimates/{ID}/decisions", ASKING, 404),
    ("decisions.sheet", "GET", f"/estimates/{ID}/record.pdf", ALL, 404),
    ("cases.show", "GET", "/cases/none", ALL, 404),
    ("history.show", "GET", "/history", ALL, 200),
    ("history.export", "GET", "/history/export.csv", ALL, 200),
    ("pictures.crop", "GET", f"/estimates/{ID}/crop.png", ALL, 404),
    ("pictures.saliency", "GET", f"/estimates/{ID}/saliency.png", ALL, 404),
    ("pictures.plot", "GET", "/model/none.png", ALL, 404),
    ("pictures.face", "GET", "/faces/demo/b-000000000000/f.jpg", ALL, 404),
    ("gallery.show", "GET", "/gallery", ALL, 200),
    ("model.show", "GET", "/model", ALL, 200),
    ("account.show", "GET", "/account", ALL, 200),
    ("account.change", "POST", "/account", ALL, 422),
    ("batches.list_all", "GET", "/batches", ALL, 200),
    ("batches.create", "POST", "/batches", ASKING, 415),
    ("batches.show", "GET", f"/batches/{ID}", ALL, 404),
    ("batches.results", "GET", f"/batches/{ID}/results.csv", ALL, 404),
    ("indexes.show", "GET", "/indexes", ALL, 200),
    ("indexes.use", "POST", "/indexes/demo/b-000000000000/use", KEEPING, 404),
    ("erasing.estimate", "GET", f"/erase/estimates/{ID}", KEEPING, 404),
    ("erasing.erase_estimate", "POST", f"/erase/estimates/{ID}", KEEPING, 404),
    ("erasing.case", "GET", "/erase/cases/none", KEEPING, 404),
    ("erasing.erase_case", "POST", "/erase/cases/none", KEEPING, 404),
    ("users.show", "GET", "/users", KEEPING, 200),
    ("users.add", "POST", "/users", KEEPING, 422),
    ("users.disable", "POST", f"/users/{ID}/disable", KEEPING, 404),
    ("users.enable", "POST", f"/users/{ID}/enable", KEEPING, 404),
    ("users.invite", "POST", f"/users/{ID}/link", KEEPING, 404),
    ("tokens.show", "GET", "/tokens", KEEPING, 200),
    ("tokens.add", "POST", "/tokens", KEEPING, 422),
    ("tokens.revoke", "POST", f"/tokens/{ID}/revoke", KEEPING, 404),
    ("sign_in.leave", "POST", "/sign-out", ALL, 303),
]
"""Endpoint, method, address, who may, and what an empty request of theirs gets."""
OPEN: list[tuple[str, str, str, int, int]] = [
    ("static", "GET", "/static/simsvc.css", 200, 200),
    ("bootstrap.static", "GET", "/bootstrap/static/css/bootstrap.min.css", 200, 200),
    ("health.healthz", "GET", "/healthz", 200, 200),
    ("health.readyz", "GET", "/readyz", 200, 200),
    ("metrics.show", "GET", "/metrics", 401, 401),
    ("api_reference.show", "GET", "/api-reference", 200, 200),
    ("api_reference.objects", "GET", "/api-reference/objects", 200, 200),
    ("display.choose", "POST", "/display", 303, 303),
    ("opening.lead", "GET", "/estimates", 303, 303),
    ("sign_in.form", "GET", "/sign-in", 200, 303),
    ("sign_in.enter", "POST", "/sign-in", 403, 403),
    ("sign_in.welcome", "GET", "/welcome/none", 410, 410),
    ("sign_in.accept", "POST", "/welcome/none", 410, 410),
]
"""Endpoint, method, address, and what nobody and what somebody signed in gets."""


def status(client: FlaskClient, method: str, path: str) -> int:
    return client.open(path, method=method).status_code


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
    response = client_of(app, None).open(route[2], method=route[1])
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
def test_a_route_that_is_not_in_the_table_is_refused(app: Flask, role: Role) -> None:
    """What nobody decided on is closed to everyone, signed in or not."""
    app.add_url_rule("/forgotten", view_func=lambda: "secret", endpoint="forgotten")
    for client in (signed_in(app, role), client_of(app, None)):
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
