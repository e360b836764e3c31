from __future__ import annotations

from collections.abc import Mapping

import pytest
from flask import Flask

from simsvc.values import ROLES
from simsvc.values.access.tokens import SCOPES, Scope
from simsvc.web.security.access import ACCESS
from simsvc.web.security.scopes import SCOPES_OF
from tests.simsvc.web.programs import bearer, program, token_text
from tests.simsvc.web.security.helpers import PERIODS
from tests.simsvc.web.signed_in import signed_in

ID = "0" * 32
V1 = "/api/v1"
ASKING: set[Scope] = {"estimate", "admin"}
AUDITING: set[Scope] = {"audit", "admin"}
CHANGING: set[Scope] = {"admin"}
ALL: set[Scope] = set(SCOPES)

Route = tuple[str, str, str, set[Scope], int]
ROUTES: list[Route] = [
    ("api_estimates.create", "POST", f"{V1}/estimates", ASKING, 415),
    ("api_estimates.create_batch", "POST", f"{V1}/estimate-batches", ASKING, 415),
    ("api_estimates.list_all", "GET", f"{V1}/estimates", ALL, 200),
    ("api_estimates.show", "GET", f"{V1}/estimates/{ID}", ALL, 404),
    ("api_estimates.neighbours", "GET", f"{V1}/estimates/{ID}/neighbours", ALL, 404),
    ("api_estimates.crop", "GET", f"{V1}/estimates/{ID}/crop", ALL, 404),
    ("api_decisions.create", "POST", f"{V1}/estimates/{ID}/decisions", ASKING, 415),
    ("api_decisions.list_all", "GET", f"{V1}/estimates/{ID}/decisions", ALL, 404),
    ("api_referrals.create", "POST", f"{V1}/estimates/{ID}/referrals", ASKING, 415),
    ("api_referrals.list_all", "GET", f"{V1}/referrals", ALL, 200),
    ("api_referrals.show", "GET", f"{V1}/referrals/{ID}", ALL, 404),
    ("api_referrals.comment", "POST", f"{V1}/referrals/{ID}/comments", ASKING, 415),
    ("api_referrals.answer", "POST", f"{V1}/referrals/{ID}/answer", ASKING, 415),
    ("api_referrals.give_back", "POST", f"{V1}/referrals/{ID}/return", ASKING, 415),
    ("api_models.list_all", "GET", f"{V1}/models", ALL, 200),
    ("api_models.show", "GET", f"{V1}/models/{'ab' * 32}", ALL, 404),
    ("api_indexes.list_all", "GET", f"{V1}/indexes", ALL, 200),
    ("api_indexes.show", "GET", f"{V1}/indexes/demo/b-000000000000", ALL, 404),
    ("api_fairness.show", "GET", f"{V1}/fairness", ALL, 200),
    ("api_cases.show", "GET", f"{V1}/cases/none/summary", ALL, 404),
    ("api_cases.evidence", "GET", f"{V1}/cases/none/evidence", AUDITING, 404),
    ("api_monitoring.drift", "GET", f"{V1}/monitoring/drift?{PERIODS}", AUDITING, 200),
    ("api_exports.estimates", "GET", f"{V1}/exports/estimates", AUDITING, 200),
    ("api_exports.events", "GET", f"{V1}/exports/events", AUDITING, 200),
    ("api_audit.events", "GET", f"{V1}/audit/events", AUDITING, 200),
    ("api_audit.verification", "GET", f"{V1}/audit/verify", AUDITING, 200),
    ("api_log.checkpoint", "GET", f"{V1}/log/checkpoint?size=999999999", AUDITING, 404),
    ("api_log.keys", "GET", f"{V1}/log/keys", AUDITING, 200),
    ("api_log.inclusion", "GET", f"{V1}/log/inclusion", AUDITING, 422),
    ("api_log.consistency", "GET", f"{V1}/log/consistency", AUDITING, 422),
    ("api_log.tile", "GET", f"{V1}/log/tile/9/000", AUDITING, 404),
    ("api_reads.record", "GET", f"{V1}/estimates/{ID}/reads", AUDITING, 404),
    ("api_reads.case", "GET", f"{V1}/cases/none/reads", AUDITING, 404),
    ("api_replays.create", "POST", f"{V1}/estimates/{ID}/replay", AUDITING, 404),
    ("api_faces.add", "POST", f"{V1}/faces", CHANGING, 415),
    ("api_faces.relabel", "POST", f"{V1}/faces/f{ID[:16]}/label", CHANGING, 415),
    ("api_faces.remove", "POST", f"{V1}/faces/f{ID[:16]}/removal", CHANGING, 404),
    ("api_erasures.estimate", "POST", f"{V1}/estimates/{ID}/erasure", CHANGING, 404),
    ("api_erasures.case", "POST", f"{V1}/cases/erasure", CHANGING, 415),
    ("api_erasures.face", "POST", f"{V1}/faces/f{ID[:16]}/erasure", CHANGING, 404),
]
"""Endpoint, method, address, the scopes any of which opens it, and what an empty request gets then."""


def test_every_route_is_in_this_test(app: Flask) -> None:
    """A route of the API that is added without an answer to who may call it fails here."""
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/")]
    assert {rule.endpoint for rule in rules} == set(SCOPES_OF)
    assert {route[0] for route in ROUTES} == set(SCOPES_OF) - {"api_document.show"}
    assert not set(SCOPES_OF) & set(ACCESS)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route[0])
def test_each_scope_gets_what_the_table_says(app: Flask, route: Route, scope: Scope) -> None:
    """Every route answers tokens of its scopes, and refuses those of others."""
    endpoint, method, path, allowed, answered = route
    assert app.url_map.bind("").match(path.partition("?")[0], method)[0] == endpoint
    response = program(app, scope).open(path, method=method, buffered=True)
    assert response.status_code == (answered if scope in allowed else 403)
    if scope not in allowed:
        assert response.get_json()["code"] == "scope_missing"


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route[0])
def test_nobody_without_a_token_is_answered(app: Flask, route: Route) -> None:
    """No token, a damaged one, another scheme, and a browser's session of any role: 401 with the scheme."""
    text = token_text(app)
    sent: list[Mapping[str, str]] = [
        {},
        {"Authorization": f"Bearer {text}x"},
        {"Authorization": f"Bearer {text[:-1]}{'B' if text[-1] == 'A' else 'A'}"},
        {"Authorization": f"Basic {text}"},
        {"Authorization": text},
    ]
    for headers in sent:
        response = app.test_client().open(route[2], method=route[1], headers=dict(headers))
        assert (response.status_code, response.get_json()["code"]) == (401, "token_refused")
        assert response.headers["WWW-Authenticate"] == "Bearer"
    for role in ROLES:
        assert signed_in(app, role).open(route[2], method=route[1]).status_code == 401


def test_a_token_opens_no_page(app: Flask) -> None:
    """Every closed page leads a program to the sign-in page, whatever its token."""
    client = program(app)
    for endpoint, path in (("home.show", "/"), ("history.show", "/history"), ("users.show", "/users")):
        assert isinstance(ACCESS[endpoint], frozenset)
        response = client.get(path)
        assert (response.status_code, response.headers["Location"][:8]) == (303, "/sign-in")


def test_the_api_takes_no_cookie_and_sets_none(app: Flask) -> None:
    """A forged session does not matter to a program."""
    client = app.test_client()
    client.set_cookie("simsvc", "forged")
    response = client.get(f"{V1}/estimates", headers=bearer(app, "audit"))
    assert response.status_code == 200
    assert "Set-Cookie" not in response.headers


def test_the_document_is_open(app: Flask) -> None:
    """Whoever writes a program can read what it may ask, before any token."""
    response = app.test_client().get(f"{V1}/openapi.json")
    assert (response.status_code, response.get_json()["openapi"]) == (200, "3.1.0")
