"""`flask notify ...`: notifications of referrals."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from simsvc.cli.common.current import services
from simsvc.cli.common.errors import sentences
from simsvc.wiring.notifications import notifier

notify_group = AppGroup("notify", help="Deliver notifications of referrals, by webhook and mail.")


@notify_group.command("send")
def send_command() -> None:
    """Deliver what is due. `flask batch work` does the same every minute."""
    with sentences():
        done = notifier(services()).run()
        waiting, failed = services().notifications.counts()
    click.echo(f"{done.sent} sent, {waiting} waiting, {failed} failed.")


@notify_group.command("retry")
def retry_command() -> None:
    """Let notifications that were given up be delivered again."""
    with sentences():
        count = services().notifications.try_failed_again(services().now())
    click.echo(f"{count} will be tried again.")
