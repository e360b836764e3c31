"""`flask audit witnesses` and `flask audit resend`: what witnesses saw, and the stream of events."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from simsvc.cli.common.current import services
from simsvc.cli.common.errors import sentences
from simsvc.errors import AuditError
from simsvc.wiring.audit.witnesses import WitnessStatus


@click.command("witnesses")
@with_appcontext
def witnesses_command() -> None:
    """Send the latest checkpoint to the witnesses, and compare the log with what they saw.

    Exits with status 1 if the log is not what a witness saw, or a witness gave an answer that cannot be true.
    """
    with sentences():
        desk = services().witness_desk
        desk.send()
        problems = desk.check().problems
        for status in desk.statuses():
            click.echo(_line(status))
        for problem in problems[1:]:
            click.echo(problem, err=True)
        if problems:
            raise AuditError("broken", problem=problems[0])


@click.command("forgive-witness")
@with_appcontext
@click.argument("name")
def forgive_command(name: str) -> None:
    """Forgive the witness NAME an answer that could not be true. Its event stays in the log."""
    with sentences():
        services().witness_desk.forgive(name)
    click.echo(f"{name} is trusted again.")


@click.command("resend")
@with_appcontext
@click.option("--from", "seq", type=click.IntRange(1), required=True, help="Number of the first event.")
def resend_command(seq: int) -> None:
    """Send events to SIMSVC_EVENT_STREAM again, for a receiver that lost some."""
    with sentences():
        services().resend_events(seq)
    click.echo(f"Events are sent again from event {seq} on.")


def _line(status: WitnessStatus) -> str:
    memory = status.memory
    took = f"{memory.size} events on {memory.at:%Y-%m-%d %H:%M:%S} UTC" if memory.at else "nothing yet"
    error = f" {memory.error}" if memory.error else ""
    lie = f" {memory.lie}" if memory.lie else ""
    gone = "" if status.is_set else " (no longer set)"
    return f"{status.name}{gone}: {took}.{error}{lie}"
