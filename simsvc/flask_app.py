"""What the `flask` program loads: the web application together with the commands."""

from __future__ import annotations

from flask import Flask

from simsvc import commands, web


def create_app() -> Flask:
    """Return the application with every `flask ...` command of simsvc."""
    app = web.create_app()
    commands.register(app)
    return app
