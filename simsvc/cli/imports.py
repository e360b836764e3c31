"""`flask import work`: the process that checks or builds an import of reference faces."""

from __future__ import annotations

import os

import click
from flask.cli import AppGroup

from simsvc.adapters.ops.logs import configure
from simsvc.adapters.ops.work_process import GENTLE
from simsvc.cli.common.current import services
from simsvc.cli.common.errors import sentences
from simsvc.wiring.imports import work_import

import_group = AppGroup("import", help="Process reference faces that were uploaded in the browser.")


@import_group.command("work")
@click.argument("import_id", metavar="ID")
@click.option("--lock", type=int, help="Inherited file descriptor of the upload's lock, closed at the end.")
def work_command(import_id: str, lock: int | None) -> None:
    """Check or build the upload ID. The service starts this automatically."""
    configure(services().settings.log)
    os.nice(GENTLE)
    with sentences():
        work_import(services().settings, import_id)
    if lock is not None:
        os.close(lock)  # ending takes a second, in which nobody should have to wait
