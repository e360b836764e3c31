"""An app with the service's commands."""

from __future__ import annotations

from flask import Flask

from simsvc import cli
from simsvc.settings import Settings
from simsvc.web import create_app


def command_app(settings: Settings) -> Flask:
    app = create_app(settings)
    cli.register(app)
    return app
