"""Migrations, run from code: no alembic.ini to find or lose."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from simsvc.errors import StoreError
from simsvc.store import postgres
from simsvc.store.database import READING

FOLDER = Path(__file__).resolve().parent / "migrations"


def upgrade(engine: Engine, target: str = "head") -> str | None:
    """Upgrade the database in one transaction and return its revision; only tests name an older one."""
    config = _config()
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            if connection.dialect.name == "postgresql":
                connection.detach()
                postgres.unlimited(connection)  # a large table takes its time
            command.upgrade(config, target)
    except SQLAlchemyError as error:
        raise StoreError("migration") from error
    return revision(engine)


def revision(engine: Engine) -> str | None:
    """Return the revision that the database is at, or None where it has no tables yet."""
    with engine.execution_options(**READING).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def heads() -> list[str]:
    """Return the newest revisions; there must be exactly one."""
    return list(ScriptDirectory.from_config(_config()).get_heads())


def revisions() -> frozenset[str]:
    """Return every revision that this version knows."""
    return frozenset(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return config
