"""What the programs `flask` and `simsvc` load: the web application together with the commands."""

from __future__ import annotations

import gc

gc.disable()  # what is loaded stays: looking through it for garbage takes a fifth of the time to start

from flask import Flask
from flask.cli import FlaskGroup

from simsvc import cli
from simsvc.errors import SimsvcError
from simsvc.web.app import create_app as create_web_app
from simsvc.web.i18n.command import translations_group

gc.freeze()
gc.enable()


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


main = FlaskGroup(name="simsvc", create_app=create_app, help=__doc__)
"""`simsvc COMMAND`, which is `flask COMMAND` with this application: there is no .flaskenv beside a wheel."""
