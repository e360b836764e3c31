"""What the `flask` program loads: the web application together with the commands."""

from __future__ import annotations

from flask import Flask

from simsvc import commands, web
from simsvc.web.translating.command import translations_group


def create_app() -> Flask:
    """Return the application with every `flask ...` command of simsvc."""
    app = web.create_app()
    commands.register(app)
    app.cli.add_command(translations_group)
    return app
