"""`flask db ...`: the database's tables."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import AppGroup

from simsvc.errors import SimsvcError
from simsvc.store import migrate
from simsvc.wiring.services import open_database, private_places

database_group = AppGroup("db", help="Create and upgrade the database's tables.")


@database_group.command("upgrade")
def upgrade_command() -> None:
    """Bring the database to this version's tables, and close the service's files to other accounts."""
    try:
        settings = current_app.extensions["simsvc"].settings
        database = open_database(settings)
        revision = migrate.upgrade(database.engine)
        private_places(settings).close()
    except SimsvcError as error:
        raise click.ClickException(error.sentence) from None
    click.echo(f"The database is at revision {revision}.")
