from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
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


def test_the_log_is_listed_exported_and_verified(tmp_path: Path) -> None:
    """Pages of the log and its export hold the same events; verifying says it fits, and proves one."""
    app = create_app(make_small_site(tmp_path / "site"))  # of its own: other tests change records by SQL
    client = program(app, "audit")
    verified = client.get("/api/v1/audit/verify").get_json()
    assert (verified["fits"], verified["broken"]) == (True, None)
    listed: list[Any] = []
    cursor = ""
    while cursor is not None:
        page = client.get(f"/api/v1/audit/events?limit=2{cursor and '&cursor=' + cursor}").get_json()
        listed += page["items"]
        cursor = page["next"]
    assert [event["seq"] for event in listed] == list(range(1, len(listed) + 1))
    lines = client.get("/api/v1/exports/events").text.splitlines()
    assert [json.loads(line) for line in lines][: len(listed)] == listed
    last = verified["last"]
    proof = client.get(f"/api/v1/audit/verify?seq={last['seq']}&sha256={last['sha256']}").get_json()
    assert proof["fits"]
    assert listed[last["seq"] - 1]["sha256"] == last["sha256"]
    other = client.get(f"/api/v1/audit/verify?seq={last['seq']}&sha256={'0' * 64}").get_json()
    assert (other["fits"], other["broken"]["code"]) == (False, "checkpoint")
    assert client.get("/api/v1/audit/verify?seq=1").status_code == 422
    assert client.get("/api/v1/exports/events?kind=export&format=csv").text.count("export") >= 2
    app.extensions["simsvc"].database.close()


def test_an_export_is_an_event(app: Flask) -> None:
    """Taking records out is logged under the token, without the case that was searched for."""
    client = program(app, "audit")
    client.get("/api/v1/exports/estimates?case=secret-case&status=refused")
    event = client.get("/api/v1/exports/events?kind=export").text.splitlines()[-2]
    assert '"token:' in event
    assert '"by_case": true' in event
    assert "secret-case" not in event
