"""`flask token ...`: manage API tokens. The text of a token is printed once and never stored."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from simsvc.cli.common.current import services
from simsvc.cli.common.errors import sentences
from simsvc.domain.accounts.tokens import MOST_DAYS, USUAL_DAYS, checked_draft
from simsvc.values.access.tokens import SCOPES, Token

token_group = AppGroup("token", help="Create, list and revoke API tokens.")


@token_group.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    required=True,
    help="Permission of the token; can be repeated.",
)
@click.option(
    "--days",
    type=click.IntRange(1, MOST_DAYS),
    default=USUAL_DAYS,
    show_default=True,
    help="Days until the token expires.",
)
def create_command(name: str, scopes: tuple[str, ...], days: int) -> None:
    """Create a token called NAME and print its text; only the text goes to standard output."""
    with sentences():
        made = services().tokens.create(checked_draft(name, scopes, str(days)))
        until = f"{made.token.expires_at:%Y-%m-%d %H:%M} UTC"
        click.echo(f"{made.token.name} ({' '.join(made.token.scopes)}) until {until}. Shown once:", err=True)
        click.echo(made.text)


@token_group.command("list")
def list_command() -> None:
    """List every token: ID, name, scopes, state, expiry and last use."""
    with sentences():
        for token in services().token_book.all():
            click.echo("  ".join(_cells(token)))


@token_group.command("revoke")
@click.argument("token_id", metavar="ID")
def revoke_command(token_id: str) -> None:
    """Revoke token ID, for example simsvc_0123456789ab."""
    with sentences():
        token = services().tokens.revoke(token_id.removeprefix("simsvc_"))
        click.echo(f"{token.name} revoked.")


def _cells(token: Token) -> list[str]:
    last = f"last used {token.last_used_at:%Y-%m-%d %H:%M} UTC" if token.last_used_at else "never used"
    until = f"until {token.expires_at:%Y-%m-%d %H:%M} UTC"
    return [token.beginning, token.name, " ".join(token.scopes), token.state(services().now()), until, last]
