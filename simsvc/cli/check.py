"""`flask check` checks the installation; `flask settings` lists every setting."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from simsvc.cli.common.current import services
from simsvc.cli.common.progress import progress
from simsvc.cli.common.settings_table import reference
from simsvc.wiring.health import everything
from simsvc.wiring.host_presence import HostPresence


@click.command("check")
@click.option("--ray", default="", metavar="ADDRESS", help="Check a Ray cluster, too: host:port of its head.")
@with_appcontext
def check_command(ray: str) -> None:
    """Check every part of the installation; exit with status 1 if one has a problem.

    On several hosts, the parts that they share are checked as well: run it on each host.
    """
    with progress("event", "log") as advance:
        found = everything(services(), advance, ray)
    HostPresence(services().settings).leave_after_command()
    for finding in found:
        click.echo(f"{'ok   ' if finding.well else 'WRONG'}  {finding.part:12} {finding.sentence}")
    wrong = sum(not finding.well for finding in found)
    if wrong:
        raise click.ClickException(f"{wrong} of {len(found)} checks failed. See above what to do.")


@click.command("settings")
def settings_command() -> None:
    """Print every setting as a Markdown table."""
    click.echo(reference())
