"""`flask erase ...`: permanent deletion, after confirmation unless --yes is given."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from simsvc.cli.common.current import services
from simsvc.cli.common.errors import sentences
from simsvc.flows.erase import Eraser
from simsvc.values.erasure import Erasable
from simsvc.values.events import COMMAND
from simsvc.wiring.erasure import eraser, finish_erasures, versions_kept

erase_group = AppGroup("erase", help="Permanently erase an estimate, a case or a reference face.")

_yes = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


@erase_group.command("estimate")
@click.argument("record_id", metavar="ID")
@_yes
def estimate_command(record_id: str, yes: bool) -> None:
    """Erase estimate ID with its crop, photo, reference faces and decisions."""
    with sentences():
        _confirm(_eraser().records.of_estimate(record_id), yes)
        _done(_eraser().estimate(record_id, COMMAND).event)


@erase_group.command("case")
@click.argument("reference", metavar="CASE")
@_yes
def case_command(reference: str, yes: bool) -> None:
    """Erase every estimate of CASE, its photos waiting in batches, and the reference itself."""
    with sentences():
        _confirm(_eraser().records.of_case(reference), yes)
        _done(_eraser().case(reference, COMMAND).event)


@erase_group.command("face")
@click.argument("face_id", metavar="ID")
@_yes
def face_command(face_id: str, yes: bool) -> None:
    """Erase reference face ID from all answers and pages now, and from later index builds."""
    if not yes:
        click.confirm("This cannot be undone. Erase the reference face?", abort=True)
    with sentences():
        event, builds = _eraser().face(face_id, COMMAND)
    _done(event)
    if builds:
        click.echo(
            "Its picture is no longer shown, but stays in the files of these builds until they are retired:"
        )
        for label in builds:
            click.echo(label)


@erase_group.command("finish")
def finish_command() -> None:
    """Overwrite copies of erased rows in the database files; the service also does so automatically.

    Only this command rewrites large PostgreSQL tables. They are locked meanwhile.
    """
    with sentences():
        left = finish_erasures(services())
    if left:
        raise click.ClickException(LEFT)
    click.echo("The database files hold no copies of erased data.")


LEFT = (
    "The database files still hold copies, because the database is being read or a large table must be "
    "rewritten. The service tries again automatically, usually within a minute. To do it now, and to rewrite "
    "large tables, run `flask erase finish`."
)


def _eraser() -> Eraser:
    return eraser(services())


def _confirm(found: Erasable, yes: bool) -> None:
    click.echo(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in found.counts.items()))
    if not yes:
        click.confirm("This cannot be undone. Erase them?", abort=True)


def _done(event: int) -> None:
    click.echo(f"Erased. The receipt is event {event} in the log.")
    if _eraser().unfinished():
        click.echo(LEFT)
    if kept := versions_kept(services()):
        click.echo(kept.sentence)
