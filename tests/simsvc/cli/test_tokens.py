from __future__ import annotations

from pathlib import Path

from click.testing import Result
from flask import Flask

from tests.simsvc.cli.helpers import command_app
from tests.small_site import make_small_site


def run(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=["token", *arguments])


def test_a_token_is_made_shown_once_listed_and_revoked(tmp_path: Path) -> None:
    """Its text alone is on standard output, opens the API, and is in no list; revoked, it opens nothing."""
    app = command_app(make_small_site(tmp_path, faces=12))
    made = run(app, "create", "audit tool", "--scope", "audit", "--days", "30")
    text = made.stdout.strip()
    headers = {"Authorization": f"Bearer {text}"}
    assert made.exit_code == 0
    assert app.test_client().get("/api/v1/models", headers=headers).status_code == 200
    listed = run(app, "list").stdout
    assert "audit tool  audit  active" in listed
    assert text[20:] not in listed
    assert run(app, "revoke", text[:19]).exit_code == 0
    assert app.test_client().get("/api/v1/models", headers=headers).status_code == 401
    assert "revoked" in run(app, "list").stdout


def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    """An unknown scope and an unknown token are refused in words."""
    app = command_app(make_small_site(tmp_path, faces=12))
    assert "'root' is not one of" in run(app, "create", "x", "--scope", "root").output
    assert "There is no token with this ID" in run(app, "revoke", "0" * 12).output
