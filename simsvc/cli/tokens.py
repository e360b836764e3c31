"""`flask token ...`: tokens on the command line. A token's text is printed once and kept nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask import current_app
from flask.cli import AppGroup

from simsvc.domain.accounts.tokens import MOST_DAYS, USUAL_DAYS, checked_draft
from simsvc.errors import SimsvcError
from simsvc.values.tokens import SCOPES, Token
from simsvc.wiring.services import Services

token_group = AppGroup("token", help="Make, list and revoke the tokens that open the API to programs.")


@token_group.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    required=True,
    help="What it may do; may be given several times.",
)
@click.option(
    "--days",
    type=click.IntRange(1, MOST_DAYS),
    default=USUAL_DAYS,
    show_default=True,
    help="How long it counts.",
)
def create_command(name: str, scopes: tuple[str, ...], days: int) -> None:
    """Make a token called NAME and print its text: alone on standard output, so that it can be piped."""
    with _sentences():
        made = _services().tokens.create(checked_draft(name, scopes, str(days)))
        until = f"{made.token.expires_at:%Y-%m-%d %H:%M} UTC"
        click.echo(f"{made.token.name} ({' '.join(made.token.scopes)}) until {until}. Shown once:", err=True)
        click.echo(made.text)


@token_group.command("list")
def list_command() -> None:
    """List every token: id, name, scopes, state, end, last use."""
    with _sentences():
        for token in _services().token_book.all():
            click.echo("  ".join(_cells(token)))


@token_group.command("revoke")
@click.argument("token_id", metavar="ID")
def revoke_command(token_id: str) -> None:
    """Let the token ID, such as simsvc_0123456789ab, count no more."""
    with _sentences():
        token = _services().tokens.revoke(token_id.removeprefix("simsvc_"))
        click.echo(f"{token.name} opens nothing any more.")


def _cells(token: Token) -> list[str]:
    last = f"last used {token.last_used_at:%Y-%m-%d %H:%M} UTC" if token.last_used_at else "never used"
    until = f"until {token.expires_at:%Y-%m-%d %H:%M} UTC"
    return [token.beginning, token.name, " ".join(token.scopes), token.state(_services().now()), until, last]


def _services() -> Services:
    services: Services = current_app.extensions["simsvc"]
    return services


@contextmanager
def _sentences() -> Iterator[None]:
    try:
        yield
    except SimsvcError as error:
        raise click.ClickException(error.sentence) from None
