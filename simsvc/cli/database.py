"""`flask db ...`: database migrations."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from simsvc.cli.common.current import services
from simsvc.cli.common.errors import sentences
from simsvc.store import migrate
from simsvc.wiring.hosts.index_shelf import adopt_files
from simsvc.wiring.services import private_places

database_group = AppGroup("db", help="Create and upgrade the database tables.")


@database_group.command("upgrade")
def upgrade_command() -> None:
    """Upgrade the database to this version, and make the service's files private to its account."""
    with sentences():
        revision = migrate.upgrade(services().database.engine)
        moved = adopt_files(services().settings, services().database)
        private_places(services().settings).close()
    click.echo(f"The database is at revision {revision}.")
    if moved:
        click.echo("The build in service and the face changes have moved from the index folder into it.")
