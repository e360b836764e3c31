"""`flask db ...`: database migrations."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import AppGroup

from simsvc.errors import SimsvcError
from simsvc.store import migrate
from simsvc.wiring.services import open_database, private_places

database_group = AppGroup("db", help="Create and upgrade the database tables.")


@database_group.command("upgrade")
def upgrade_command() -> None:
    """Upgrade the database to this version, and make the service's files private to its account."""
    try:
        settings = current_app.extensions["simsvc"].settings
        database = open_database(settings)
        revision = migrate.upgrade(database.engine)
        private_places(settings).close()
    except SimsvcError as error:
        raise click.ClickException(error.sentence) from None
    click.echo(f"The database is at revision {revision}.")
