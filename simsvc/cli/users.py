"""`flask user ...`: accounts on the command line. No password is ever printed, or taken as an argument."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask import current_app
from flask.cli import AppGroup

from simsvc.adapters.ops.address import address_for_links
from simsvc.errors import SimsvcError
from simsvc.flows.accounts import Accounts
from simsvc.values import ROLES, Invitation, User
from simsvc.wiring.services import Services

user_group = AppGroup("user", help="Add, list, disable, enable and reset accounts; change their roles.")

_url = click.option(
    "--url",
    help="Where people reach the service; without it, SIMSVC_PUBLIC_URL, or what the running service says.",
)


@user_group.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What the account may do.")
@_url
def add_command(name: str, role: str, url: str | None) -> None:
    """Add the account NAME and print the one-time link by which its owner sets a password."""
    with _sentences():
        wanted = next(known for known in ROLES if known == role)
        _print(_accounts().add(name, wanted), url)


@user_group.command("list")
def list_command() -> None:
    """List every account: name, role, state, last sign-in."""
    with _sentences():
        for user in _services().users.all():
            click.echo(f"{user.name}  {user.role}  {_state(user)}  {_last(user)}")


@user_group.command("disable")
@click.argument("name")
def disable_command(name: str) -> None:
    """Close the account NAME, end its sessions and revoke its API tokens; what it did stays on record."""
    with _sentences():
        user = _accounts().disable(_accounts().named(name).id)
        click.echo(f"{user.name} can no longer sign in.")


@user_group.command("enable")
@click.argument("name")
def enable_command(name: str) -> None:
    """Open the account NAME again. Its API tokens stay revoked: make new ones where they are needed."""
    with _sentences():
        user = _accounts().enable(_accounts().named(name).id)
        click.echo(f"{user.name} can sign in again{'' if user.has_password else ' once a password is set'}.")


@user_group.command("role")
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
def role_command(name: str, role: str) -> None:
    """Give the account NAME another ROLE; its sessions end, and its API tokens unless it is an admin."""
    with _sentences():
        wanted = next(known for known in ROLES if known == role)
        user = _accounts().change_role(_accounts().named(name).id, wanted)
        click.echo(f"{user.name} is {user.role} now and has to sign in again.")


@user_group.command("reset")
@click.argument("name")
@_url
def reset_command(name: str, url: str | None) -> None:
    """Print a new one-time link for NAME; its password, sessions and older links count no more."""
    with _sentences():
        _print(_accounts().reset(_accounts().named(name).id), url)


@user_group.command("first-link")
@_url
def first_link_command(url: str | None) -> None:
    """Print a one-time sign-in link for an admin, unless an admin has a password already."""
    with _sentences():
        invitation = _accounts().first_link()
        if invitation is not None:
            _print(invitation, url)


def _services() -> Services:
    services: Services = current_app.extensions["simsvc"]
    return services


def _accounts() -> Accounts:
    return _services().accounts


@contextmanager
def _sentences() -> Iterator[None]:
    try:
        yield
    except SimsvcError as error:
        raise click.ClickException(error.sentence) from None


def _print(invitation: Invitation, url: str | None) -> None:
    base = (url or _public_url()).rstrip("/")
    until = f"{invitation.expires_at:%Y-%m-%d %H:%M} UTC"
    click.echo(f"{invitation.user.name} ({invitation.user.role}) sets a password here, once, until {until}:")
    click.echo(f"{base}/welcome/{invitation.token}")


def _public_url() -> str:
    """Return where people reach the service."""
    settings = _services().settings
    return address_for_links(settings.public_url, settings.script_name, settings.bind, settings.batch_dir)


def _state(user: User) -> str:
    if user.disabled:
        return "disabled"
    return "active" if user.has_password else "invited"


def _last(user: User) -> str:
    return f"{user.last_sign_in_at:%Y-%m-%d %H:%M} UTC" if user.last_sign_in_at else "never signed in"
