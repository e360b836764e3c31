"""`flask cluster ...`: several hosts that share one database."""

from __future__ import annotations

from pathlib import Path

import click
from flask.cli import AppGroup

from simsvc.cli.common.build_report import counted
from simsvc.cli.common.current import services
from simsvc.cli.common.errors import sentences
from simsvc.cli.common.progress import progress
from simsvc.flows.mirror import Mirrored
from simsvc.store.copy_records import Copied
from simsvc.wiring.adopt import Adopted, Old, adopt

cluster_group = AppGroup("cluster", help="Run several hosts with one database.")
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@cluster_group.command("adopt")
@click.option(
    "--from",
    "database_url",
    default="",
    metavar="URL",
    help="Database of the old installation, such as sqlite:////var/lib/simsvc/simsvc.sqlite3. Leave it out "
    "if the old one used the database that DATABASE_URL names.",
)
@click.option("--indexes", type=_FOLDER, help="Its indexes, if not in SIMSVC_INDEX_ROOT.")
@click.option("--models", type=_FOLDER, help="Its kept models, if not in SIMSVC_MODEL_ROOT.")
@click.option("--batches", type=_FOLDER, help="Its waiting photos, if not in SIMSVC_BATCH_DIR.")
def adopt_command(database_url: str, indexes: Path | None, models: Path | None, batches: Path | None) -> None:
    """Copy the installation of one machine into PostgreSQL and the object store. Stop the service first.

    Records, log, index builds, models and waiting photos are copied and compared. Nothing is removed from the
    old installation. If the command was cut off, run it again: it continues.
    """
    settings = services().settings
    old = Old(
        database_url,
        indexes or settings.index_root,
        models or settings.model_root,
        batches or settings.batch_dir,
    )
    with sentences(), progress("row", "records") as advance:
        adopted = adopt(settings, old, advance)
    for line in report(adopted):
        click.echo(line)


def report(adopted: Adopted) -> list[str]:
    """Return what was copied, in lines."""
    return [
        _of_tables(adopted.tables),
        f"The log is intact: {counted(adopted.events, 'event')}, and their records.",
        f"Index builds: {_of_files(adopted.builds)}.",
        _of_service(adopted),
        f"Models: {_of_files(adopted.models)}.",
        f"Waiting photos: {len(adopted.photos.new):,} copied, {len(adopted.photos.there):,} were there.",
        "Nothing was removed from the old installation.",
    ]


def _of_tables(tables: tuple[Copied, ...]) -> str:
    if not tables:
        return "Records: they stay in the database that DATABASE_URL names."
    new = sum(table.new for table in tables)
    there = sum(table.rows for table in tables) - new
    return (
        f"Records: {counted(new, 'row')} of {counted(len(tables), 'table')} copied, {there:,} were there. "
        "Every row is the same in both databases."
    )


def _of_files(found: Mirrored) -> str:
    names = ", ".join((*found.new, *found.there))
    return f"{len(found.new):,} copied, {len(found.there):,} were there" + (f": {names}" if names else "")


def _of_service(adopted: Adopted) -> str:
    if adopted.in_service is None:
        return "In service: no build."
    return f"In service: {adopted.in_service}, with {counted(adopted.face_changes, 'set')} of face changes."
