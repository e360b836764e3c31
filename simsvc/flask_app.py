"""What the `flask` program loads: the web application together with the commands."""

from __future__ import annotations

from flask import Flask

from simsvc import cli
from simsvc.errors import SimsvcError
from simsvc.web.app import create_app as create_web_app
from simsvc.web.i18n.command import translations_group


def create_app() -> Flask:
    """Return the application with every `flask ...` command of simsvc.

    Raises:
        SystemExit: a setting, or the database's address, cannot be used; whichever command it is, its one
            sentence is all that is printed.
    """
    try:
        app = create_web_app()
    except SimsvcError as error:
        raise SystemExit(f"Error: {error.sentence}") from None
    cli.register(app)
    app.cli.add_command(translations_group)
    return app
