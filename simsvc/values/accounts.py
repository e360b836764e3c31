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
    """An account, without its password; times are UTC.

    Attributes:
        id: public: 32 hex digits.
        name: display name; unique without regard to case.
        epoch: increased to end sessions; a session stores the epoch it began in.
        link_expires_at: when the unused one-time link expires, or None.
        team: name of the team it belongs to, or None.
        mail_address: where notifications go, or None.
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

    @property
    def disabled(self) -> bool:
        """Return whether the account is disabled."""
        return self.disabled_at is not None


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
