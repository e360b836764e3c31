"""`flask db ...`: database migrations."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from simsvc.cli.common.current import services
from simsvc.cli.common.errors import sentences
from simsvc.store import migrate
from simsvc.wiring.services import private_places

database_group = AppGroup("db", help="Create and upgrade the database tables.")


@database_group.command("upgrade")
def upgrade_command() -> None:
    """Upgrade the database to this version, and make the service's files private to its account."""
    with sentences():
        revision = migrate.upgrade(services().database.engine)
        private_places(services().settings).close()
    click.echo(f"The database is at revision {revision}.")
