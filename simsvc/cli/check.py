"""`flask check` checks the installation; `flask settings` lists every setting."""

from __future__ import annotations

import sys
from typing import NoReturn

import click
from flask import current_app
from flask.cli import with_appcontext
from tqdm import tqdm

from simsvc.cli.settings_table import reference
from simsvc.wiring.health import everything
from simsvc.wiring.services import Services


@click.command("check")
@with_appcontext
def check_command() -> None:
    """Check every part of the installation; exit with status 1 if one has a problem."""
    services: Services = current_app.extensions["simsvc"]
    with _bar() as bar:

        def advance(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        found = everything(services, advance)
    for finding in found:
        click.echo(f"{'ok   ' if finding.well else 'WRONG'}  {finding.part:12} {finding.sentence}")
    wrong = sum(not finding.well for finding in found)
    if wrong:
        raise click.ClickException(f"{wrong} of {len(found)} checks failed. See above what to do.")


@click.command("settings")
def settings_command() -> None:
    """Print every setting as a Markdown table."""
    click.echo(reference())


def _bar() -> tqdm[NoReturn]:
    return tqdm(unit="event", desc="log", disable=None, file=sys.stderr)  # None: on a terminal only
