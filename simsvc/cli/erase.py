"""`flask erase ...`: what cannot be undone, asked once more unless --yes is given."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import AppGroup

from simsvc.cli.errors import sentences
from simsvc.flows.erase import Eraser
from simsvc.values.erasure import Erasable, Receipt
from simsvc.values.events import COMMAND
from simsvc.wiring.erasure import eraser, finish_erasures

erase_group = AppGroup("erase", help="Erase an estimate, a case or a labelled face for good.")

_yes = click.option("--yes", is_flag=True, help="Do not ask once more.")


@erase_group.command("estimate")
@click.argument("record_id", metavar="ID")
@_yes
def estimate_command(record_id: str, yes: bool) -> None:
    """Erase the estimate ID: record, crop, photo, labelled faces beside it, decisions."""
    with sentences():
        _confirm(_eraser().records.of_estimate(record_id), yes)
        _print(_eraser().estimate(record_id, COMMAND))


@erase_group.command("case")
@click.argument("reference", metavar="CASE")
@_yes
def case_command(reference: str, yes: bool) -> None:
    """Erase every estimate of CASE, its photos that wait in batches, and the reference itself."""
    with sentences():
        _confirm(_eraser().records.of_case(reference), yes)
        _print(_eraser().case(reference, COMMAND))


@erase_group.command("face")
@click.argument("face_id", metavar="ID")
@_yes
def face_command(face_id: str, yes: bool) -> None:
    """Erase the labelled face ID from every answer and page at once, and from every later index build."""
    if not yes:
        click.confirm("This cannot be undone. Erase the labelled face?", abort=True)
    with sentences():
        event, builds = _eraser().face(face_id, COMMAND)
    _done(event)
    if builds:
        click.echo(
            "Its picture is shown nowhere, but the files of these builds hold it until they are retired:"
        )
        for label in builds:
            click.echo(label)


@erase_group.command("finish")
def finish_command() -> None:
    """Overwrite what erased rows left in the files of the database; the service does so by itself, too.

    Large tables of PostgreSQL are written anew by this command only: nobody can use them meanwhile.
    """
    with sentences():
        left = finish_erasures(current_app.extensions["simsvc"])
    if left:
        raise click.ClickException(LEFT)
    click.echo("The files of the database hold nothing of what was erased.")


LEFT = (
    "The files of the database still hold copies: somebody reads it just now, or a large table has to be "
    "written anew. The service tries again by itself, mostly within a minute; `flask erase finish` does it "
    "at once, and writes large tables anew."
)


def _eraser() -> Eraser:
    return eraser(current_app.extensions["simsvc"])


def _confirm(found: Erasable, yes: bool) -> None:
    click.echo(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in found.counts.items()))
    if not yes:
        click.confirm("This cannot be undone. Erase them?", abort=True)


def _print(receipt: Receipt) -> None:
    _done(receipt.event)


def _done(event: int) -> None:
    click.echo(f"Erased. The receipt is event {event} of the log.")
    if _eraser().unfinished():
        click.echo(LEFT)
