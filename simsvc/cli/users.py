"""`flask user ...`: manage accounts. Passwords are never printed or taken as arguments."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from simsvc.adapters.ops.address import address_for_links
from simsvc.cli.common.current import services
from simsvc.cli.common.errors import sentences
from simsvc.flows.access.accounts import Accounts
from simsvc.values import ROLES, Invitation, User

user_group = AppGroup("user", help="Add, list, disable, enable and reset accounts, and change their roles.")

_url = click.option(
    "--url", help="Public address of the service; defaults to SIMSVC_PUBLIC_URL or the running server."
)


@user_group.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True, help="Role of the account.")
@_url
def add_command(name: str, role: str, url: str | None) -> None:
    """Add account NAME and print a one-time link to set its password."""
    with sentences():
        wanted = next(known for known in ROLES if known == role)
        _print(_accounts().add(name, wanted), url)


@user_group.command("list")
def list_command() -> None:
    """List every account: name, role, state, last sign-in."""
    with sentences():
        for user in services().users.all():
            at = user.last_sign_in_at
            last = f"{at:%Y-%m-%d %H:%M} UTC" if at else "never signed in"
            click.echo(f"{user.name}  {user.role}  {_state(user)}  {last}")


@user_group.command("disable")
@click.argument("name")
def disable_command(name: str) -> None:
    """Disable account NAME, end its sessions and revoke its API tokens. Its past actions stay on record."""
    with sentences():
        user = _accounts().disable(_accounts().named(name).id)
        click.echo(f"{user.name} can no longer sign in.")


@user_group.command("enable")
@click.argument("name")
def enable_command(name: str) -> None:
    """Enable account NAME. Its API tokens stay revoked; create new ones if needed."""
    with sentences():
        user = _accounts().enable(_accounts().named(name).id)
        click.echo(f"{user.name} can sign in again{'' if user.has_password else ' once a password is set'}.")


@user_group.command("role")
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
def role_command(name: str, role: str) -> None:
    """Change the role of account NAME, at once. Unless ROLE is admin, its API tokens are revoked."""
    with sentences():
        wanted = next(known for known in ROLES if known == role)
        user = _accounts().change_role(_accounts().named(name).id, wanted)
        click.echo(f"{user.name} now has the role {user.role}.")


@user_group.command("reset")
@click.argument("name")
@_url
def reset_command(name: str, url: str | None) -> None:
    """Print a new one-time link for NAME. Its password, sessions and older links stop working."""
    with sentences():
        _print(_accounts().reset(_accounts().named(name).id), url)


@user_group.command("reset-second-factor")
@click.argument("name")
def reset_second_factor_command(name: str) -> None:
    """Remove the second factor of account NAME, for who lost both phone and recovery codes."""
    with sentences():
        user = _accounts().named(name)
        services().second_factors().remove(user.id)
        click.echo(f"{user.name} signs in without a second factor until a new one is set up.")


@user_group.command("first-link")
@_url
def first_link_command(url: str | None) -> None:
    """Print a one-time link for an admin, unless an admin already has a password."""
    with sentences():
        invitation = _accounts().first_link()
        if invitation is not None:
            _print(invitation, url)


def _accounts() -> Accounts:
    return services().accounts


def _print(invitation: Invitation, url: str | None) -> None:
    base = (url or _public_url()).rstrip("/")
    until = f"{invitation.expires_at:%Y-%m-%d %H:%M} UTC"
    click.echo(f"{invitation.user.name} ({invitation.user.role}) can set a password once, until {until}:")
    click.echo(f"{base}/welcome/{invitation.token}")


def _public_url() -> str:
    settings = services().settings
    return address_for_links(settings.public_url, settings.script_name, settings.bind, settings.batch_dir)


def _state(user: User) -> str:
    if user.disabled:
        return "disabled"
    return "active" if user.can_sign_in else "invited"
