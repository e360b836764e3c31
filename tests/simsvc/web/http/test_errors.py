from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from flask import Flask

from simsvc import errors as tree
from simsvc.errors import SimsvcError
from simsvc.settings import Settings
from simsvc.web.app import create_app
from simsvc.web.http.errors import status_of
from simsvc.web.security.access import ACCESS
from simsvc.web.security.headers import HEADERS


def every_error() -> Iterator[type[SimsvcError]]:
    for value in vars(tree).values():
        if isinstance(value, type) and issubclass(value, SimsvcError):
            yield value


@pytest.fixture
def failing(site: Settings, monkeypatch: pytest.MonkeyPatch) -> Flask:
    app = create_app(site)
    for endpoint in ("fail", "api_fail"):
        monkeypatch.setitem(ACCESS, endpoint, "file")

    def fail() -> str:
        raise RuntimeError("/srv/secret/path")

    app.add_url_rule("/fail", view_func=fail)
    app.add_url_rule("/api/v1/fail", view_func=fail, endpoint="api_fail")
    return app


@pytest.mark.parametrize("kind", list(every_error()), ids=lambda kind: kind.__name__)
def test_every_error_has_a_status(kind: type[SimsvcError]) -> None:
    """Each class of the tree has a 4xx or 5xx status."""
    assert 400 <= status_of(kind) <= 599


def test_codes_are_unique() -> None:
    """No two errors share a code."""
    codes = [kind.code for kind in every_error()]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("path", ["/fail", "/api/v1/fail"])
def test_an_unknown_failure_tells_the_client_only_its_number(
    failing: Flask, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """500 carries the request's number; the traceback goes to the log under the same number."""
    with caplog.at_level(logging.ERROR):
        response = failing.test_client().get(path)
    assert response.status_code == 500
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    assert response.headers["X-Request-Id"] in response.text
    assert response.headers["X-Request-Id"] in caplog.text
    assert "/srv/secret/path" in caplog.text


def test_programs_get_json_and_people_get_pages(failing: Flask) -> None:
    """The same failure is JSON under /api and HTML elsewhere."""
    client = failing.test_client()
    problem = client.get("/api/v1/nowhere").get_json()
    assert (problem["code"], problem["status"]) == ("not_found", 404)
    assert client.get("/nowhere").mimetype == "text/html"


def test_a_wrong_method_is_405(failing: Flask) -> None:
    """DELETE on the estimates is not allowed, as JSON."""
    response = failing.test_client().delete("/api/v1/estimates")
    assert (response.status_code, response.get_json()["code"]) == (405, "method_not_allowed")
    assert {"GET", "POST"} <= set(response.headers["Allow"].replace(" ", "").split(","))


@pytest.mark.parametrize("path", ["/", "/nowhere", "/fail", "/healthz", "/static/simsvc.css", "/api/v1/fail"])
def test_every_answer_carries_the_security_headers(failing: Flask, path: str) -> None:
    """Pages, files, JSON and errors all carry the same headers."""
    response = failing.test_client().get(path)
    assert {name: response.headers.get(name) for name in HEADERS} == HEADERS


def test_the_policy_allows_nothing_inline() -> None:
    """The content security policy has no unsafe word and no foreign host."""
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
