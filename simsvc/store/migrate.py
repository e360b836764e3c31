"""Migrations, run from code: no alembic.ini to find or lose.

Alembic is imported by an upgrade only: it would be a tenth of what a worker or command imports at its start.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from simsvc.errors import StoreError, StoreNotMigrated
from simsvc.store import postgres
from simsvc.store.database import READING

FOLDER = Path(__file__).resolve().parent / "migrations"
ALEMBIC_VERSION = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))
"""Where Alembic notes the revision of a database."""


def upgrade(engine: Engine, target: str = "head") -> str | None:
    """Upgrade the database in one transaction and return its revision; only tests name an older one."""
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.detach()
                postgres.unlimited(connection)  # a large table takes its time
            upgrade_within(connection, target)
    except SQLAlchemyError as error:
        raise StoreError("migration") from error
    return revision(engine)


def upgrade_within(connection: Connection, target: str = "head") -> None:
    """Upgrade the database in the transaction of a connection."""
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, target)


def revision(engine: Engine) -> str | None:
    """Return the revision that the database is at, or None where it has no tables yet."""
    with engine.execution_options(**READING).connect() as connection:
        if not inspect(connection).has_table(ALEMBIC_VERSION.name):
            return None
        return connection.scalar(select(ALEMBIC_VERSION.c.version_num))


def require_newest(engine: Engine) -> str:
    """Return the revision that the database is at; raises StoreNotMigrated unless it is the newest."""
    found, wanted = revision(engine), newest()
    if found != wanted:
        raise StoreNotMigrated("revision", found=found, wanted=wanted)
    return wanted


def revisions() -> tuple[str, ...]:
    """Return every revision that this version knows, in their order: they are the numbers of the files."""
    return tuple(sorted(path.name.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py")))


def newest() -> str:
    """Return the newest revision that this version knows."""
    return revisions()[-1]
