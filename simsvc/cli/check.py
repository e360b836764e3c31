"""`flask check` looks at everything and says what is wrong; `flask settings` prints every setting."""

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
    """Look at every part of the installation; exit status 1 where one is not well."""
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
        raise click.ClickException(f"{wrong} of {len(found)} parts are not well; see above what to do.")


@click.command("settings")
def settings_command() -> None:
    """Print every setting: name, default and meaning."""
    click.echo(reference())


def _bar() -> tqdm[NoReturn]:
    return tqdm(unit="event", desc="log", disable=None, file=sys.stderr)  # None: on a terminal only
