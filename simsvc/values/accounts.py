"""Accounts, roles and one-time links."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

Role = Literal["underwriter", "auditor", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
"""Underwriters create estimates, auditors read, admins do both and manage accounts."""


@dataclass(frozen=True, slots=True)
class User:
    """An account, without its password.

    Attributes:
        id: public: 32 hex digits.
        name: display name; unique without regard to case.
        role: role of the account.
        created_at: UTC.
        epoch: increased to end sessions; a session stores the epoch it began in.
        has_password: whether it has a valid password.
        disabled_at: when the account was disabled, UTC, or None.
        last_sign_in_at: UTC, or None.
        link_expires_at: when the unused one-time link expires, UTC, or None.
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

    @property
    def disabled(self) -> bool:
        """Return whether the account is disabled."""
        return self.disabled_at is not None


@dataclass(frozen=True, slots=True)
class Credentials:
    """Stored data of an account for a sign-in attempt.

    Attributes:
        user: the account.
        password_hash: argon2 encoding, or None without a password.
        slowed_until: when this client's wait ends if the password is wrong, UTC, or None.
    """

    user: User
    password_hash: str | None
    slowed_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """The client of a sign-in attempt, as digests; addresses are not stored.

    Attributes:
        network: of the network address.
        device: of the browser's cookie.
    """

    network: str = ""
    device: str = ""


@dataclass(frozen=True, slots=True)
class Invitation:
    """A one-time link, shown once; only the hash of its token is stored.

    Attributes:
        user: the account.
        token: 256 random bits, URL-safe.
        expires_at: UTC.
    """

    user: User
    token: str
    expires_at: datetime
