"""`flask backup ...`: back up and restore everything that records refer to."""

from __future__ import annotations

from pathlib import Path

import click
from flask.cli import AppGroup

from simsvc.cli.common.current import services
from simsvc.cli.common.errors import sentences
from simsvc.wiring.backup import create, restore

backup_group = AppGroup("backup", help="Back up and restore.")


@backup_group.command("create")
@click.argument("folder", type=click.Path(path_type=Path))
def create_command(folder: Path) -> None:
    """Copy database, indexes, kept models and session key into a new FOLDER while the service runs.

    Objects in SIMSVC_OBJECTS are not copied: copy them separately.

    The backup includes personal data and the session key. Keep it where only operators can read it.
    """
    with sentences():
        made = create(services(), folder.absolute())
    click.echo(f"Backed up into {folder}: {made.size_bytes / 1e6:.1f} MB, with the SHA-256 of every file.")
    if made.objects:
        click.echo(f"{_not_included(made.objects)} Copy them separately, such as with aws s3 sync.")


@backup_group.command("restore")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Replace existing data; it is moved aside, not deleted.")
def restore_command(folder: Path, *, replace: bool) -> None:
    """Check every file and the log in FOLDER, then restore everything.

    Stop the service and its batch workers first: while one of them runs, the command refuses.
    """
    with sentences():
        restored = restore(services(), folder.absolute(), replace=replace)
    for path in restored.aside:
        click.echo(f"The previous data is now in {path}.")
    click.echo(f"Restored to {restored.made_at}. The log is intact: {restored.events} events.")
    if restored.objects:
        click.echo(f"{_not_included(restored.objects)} If any are missing, restore them from your own copy.")


def _not_included(objects: str) -> str:
    return f"Not in this backup: the index builds, kept models and photos in {objects}."
