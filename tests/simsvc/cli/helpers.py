"""Commands of the service, run in this process."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask

from simsvc import cli
from simsvc.settings import Settings
from simsvc.web.app import create_app

Run = Callable[..., str]


def command_app(settings: Settings) -> Flask:
    """Return an app with the service's commands."""
    app = create_app(settings)
    cli.register(app)
    return app


def runner(app: Flask, *command: str) -> Run:
    """Return what runs a command in an app and returns what it prints; it fails where that ends otherwise."""

    def run(*words: str, exit_code: int = 0) -> str:
        result = app.test_cli_runner().invoke(args=[*command, *words])
        assert result.exit_code == exit_code, result.output
        assert "Traceback" not in result.output
        return result.output

    return run
