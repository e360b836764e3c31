"""Who may use the desk: accounts, their roles, and the one-time links that open them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

Role = Literal["underwriter", "auditor", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
"""Underwriters ask for estimates, auditors read, admins do both and keep the accounts."""


@dataclass(frozen=True, slots=True)
class User:
    """An account, without its password.

    Attributes:
        id: public: 32 hex digits.
        name: as it was given; unique whatever its case.
        role: what the account may do.
        created_at: UTC.
        epoch: raised whenever sessions must end; a session carries the epoch it began in.
        has_password: whether a password was ever set and still counts.
        disabled_at: since when the account is closed, UTC, or None.
        last_sign_in_at: UTC, or None.
        link_expires_at: until when the account's unused one-time link counts, UTC, or None.
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
        """Say whether the account is closed."""
        return self.disabled_at is not None


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the database holds of an account when someone tries its password.

    Attributes:
        user: whose they are.
        password_hash: in argon2's own encoding, or None where no password counts.
        slowed_until: until when this client has to wait should the password be wrong, UTC, or None.
    """

    user: User
    password_hash: str | None
    slowed_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """Where an attempt to sign in comes from, as digests: no address is kept.

    Attributes:
        network: of the network address.
        device: of the browser's cookie.
    """

    network: str = ""
    device: str = ""


@dataclass(frozen=True, slots=True)
class Invitation:
    """A one-time link, to be shown once: only the hash of its token is kept.

    Attributes:
        user: whose password it sets.
        token: 256 random bits, safe in an address.
        expires_at: UTC.
    """

    user: User
    token: str
    expires_at: datetime
