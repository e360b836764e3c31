from __future__ import annotations

from flask import Flask


def test_a_program_without_a_cookie_gets_none(app: Flask) -> None:
    """No session begins for what an API client asks."""
    answer = app.test_client().get("/api/v1/openapi.json")
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
