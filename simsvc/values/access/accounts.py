"""Accounts, roles and one-time links."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

Role = Literal["underwriter", "auditor", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
"""Underwriters create estimates, auditors read, admins do both and manage accounts."""
SignInMethod = Literal["password", "link", "oidc"]
"""With a password, with a one-time link, or through the OpenID provider."""


@dataclass(frozen=True, slots=True)
class User:
    """An account, without its password; times are UTC.

    Attributes:
        id: public: 32 hex digits.
        name: display name; unique without regard to case.
        epoch: increased to end sessions; a session stores the epoch it began in.
        link_expires_at: when the unused one-time link expires, or None.
        team: name of the team it belongs to, or None.
        mail_address: where notifications go, or None.
        second_factor_at: when the second factor was set up, or None without one.
        linked: whether the account belongs to an identity of the OpenID provider.
    """

    id: str
    name: str
    role: Role
    created_at: datetime
    epoch: int = 0
    has_password: bool = False
    disabled_at: datetime | None = None
    last_sign_in_at: datetime | None = None
    link_expires_at: datetime | None = None
    team: str | None = None
    mail_address: str | None = None
    second_factor_at: datetime | None = None
    linked: bool = False

    @property
    def can_sign_in(self) -> bool:
        """Return whether the account has a password or a linked identity, and is not disabled."""
        return (self.has_password or self.linked) and not self.disabled

    @property
    def disabled(self) -> bool:
        """Return whether the account is disabled."""
        return self.disabled_at is not None


@dataclass(frozen=True, slots=True)
class SignedSession:
    """A signed-in session of an account; times are UTC.

    Attributes:
        number: names the session on pages; opens nothing.
        method: how it began: "password", "link" (a one-time link) or "oidc".
        authenticated_at: when the person last proved who they are, at sign-in or later.
        seen_at: time of the last request, to the minute.
        browser: name of the browser, such as "Firefox", or "" if unknown.
        system: name of the operating system, such as "Windows", or "" if unknown.
        network: prefix of the address it began at, such as "192.0.2.0/24", or "" if unknown.
    """

    number: int
    user: User
    created_at: datetime
    seen_at: datetime
    authenticated_at: datetime
    method: SignInMethod
    browser: str = ""
    system: str = ""
    network: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account, its argon2 hash, if any, and when this client's wait ends after a wrong password (UTC)."""

    user: User
    password_hash: str | None
    slowed_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """Digests of a client's network address and of its browser's cookie; addresses are not stored."""

    network: str = ""
    device: str = ""


@dataclass(frozen=True, slots=True)
class Invitation:
    """A one-time link with 256 random bits, shown once until a time in UTC; only its hash is stored."""

    user: User
    token: str
    expires_at: datetime
