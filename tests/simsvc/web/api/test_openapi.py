from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema_rs import validator_for

from simsvc.web.app import create_app
from simsvc.web.security.scopes import SCOPES_OF
from tests.simsvc.web.programs import program
from tests.small_site import make_small_site


@pytest.fixture
def document(app: Flask) -> Any:
    return app.test_client().get("/api/v1/openapi.json").get_json()


def operations(document: Any) -> dict[str, Any]:
    return {
        f"{method} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in {"get", "post"}
    }


def test_every_route_is_documented_once(document: Any) -> None:
    """Each endpoint of the table has its operation, with an id of its own, a summary and its scope."""
    found = operations(document)
    ids = [operation["operationId"] for operation in found.values()]
    assert sorted(ids) == sorted(
        name.removeprefix("api_").replace(".", "_") for name in SCOPES_OF if "document" not in name
    )
    for operation in found.values():
        assert operation["summary"].endswith(".")
        assert "Scope: " in operation["description"]
        assert operation["security"] == [{"token": []}]


def test_every_problem_is_a_problem_document(document: Any) -> None:
    """No operation promises an error in another form."""
    for operation in operations(document).values():
        for status, answer in operation["responses"].items():
            if status >= "4":
                assert list(answer["content"]) == ["application/problem+json"]


def test_every_reference_leads_somewhere(document: Any) -> None:
    """What the document refers to is in it."""
    text = json.dumps(document)
    for name in {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in document["components"]["schemas"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nowhere", 404, "not_found"),
        ("GET", "/api", 404, "not_found"),
        ("DELETE", "/api/v1/estimates", 405, "method_not_allowed"),
        ("GET", "/api/v1/estimates", 401, "token_refused"),
    ],
)
def test_problems_fit_their_schema(
    app: Flask, document: Any, method: str, path: str, status: int, code: str
) -> None:
    """Every error under /api is a problem document with a stable code that the reference page explains."""
    response = app.test_client().open(path, method=method)
    assert (response.status_code, response.mimetype) == (status, "application/problem+json")
    problem = response.get_json()
    validator_for(document["components"]["schemas"]["Problem"]).validate(problem)
    assert problem["code"] == code
    assert f'id="{code}"' in app.test_client().get(problem["type"].partition("#")[0]).text


@pytest.fixture(scope="module")
def auditor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """Return a program that audits an installation of its own: other tests change records by SQL."""
    app = create_app(make_small_site(tmp_path_factory.mktemp("audited")))
    yield program(app, "audit")
    app.extensions["simsvc"].database.close()


def listed(auditor: FlaskClient) -> list[dict[str, Any]]:
    """Return all events by pages of two."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while cursor is not None and len(found) < 1_000:
        page = auditor.get(f"/api/v1/audit/events?limit=2{cursor and '&cursor=' + cursor}").get_json()
        found += page["items"]
        cursor = page["next"]
    return found


def test_pages_of_the_log_hold_every_event_once(auditor: FlaskClient) -> None:
    """Numbers run from 1 on without a gap."""
    events = listed(auditor)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))


def test_the_export_of_the_log_holds_the_listed_events(auditor: FlaskClient) -> None:
    """Each line is an event as it is listed; the table has those of one kind, its own among them."""
    events = listed(auditor)
    lines = auditor.get("/api/v1/exports/events", buffered=True).text.splitlines()
    assert [json.loads(line) for line in lines][: len(events)] == events
    assert (
        auditor.get("/api/v1/exports/events?kind=export&format=csv", buffered=True).text.count("export") >= 2
    )


def test_the_log_is_verified(auditor: FlaskClient) -> None:
    """Verifying says that it fits, and gives a checkpoint that it proves later."""
    verified = auditor.get("/api/v1/audit/verify").get_json()
    assert (verified["fits"], verified["broken"]) == (True, None)
    last = verified["last"]
    assert auditor.get(f"/api/v1/audit/verify?seq={last['seq']}&sha256={last['sha256']}").get_json()["fits"]
    assert listed(auditor)[last["seq"] - 1]["sha256"] == last["sha256"]


def test_another_checkpoint_is_not_proved(auditor: FlaskClient) -> None:
    """With another sha256 the log does not fit; half a checkpoint is refused."""
    seq = auditor.get("/api/v1/audit/verify").get_json()["last"]["seq"]
    other = auditor.get(f"/api/v1/audit/verify?seq={seq}&sha256={'0' * 64}").get_json()
    assert (other["fits"], other["broken"]["code"]) == (False, "checkpoint")
    assert (other["problems"], other["more"]) == ([other["broken"]], 0)
    assert auditor.get("/api/v1/audit/verify?seq=1").status_code == 422


def test_an_export_is_an_event(app: Flask) -> None:
    """Taking records out is logged under the token, without the case that was searched for."""
    client = program(app, "audit")
    client.get("/api/v1/exports/estimates?case=secret-case&status=refused", buffered=True)
    event = client.get("/api/v1/exports/events?kind=export", buffered=True).text.splitlines()[-2]
    assert '"token:' in event
    assert '"by_case": true' in event
    assert "secret-case" not in event
