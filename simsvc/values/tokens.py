"""What opens the API to a program: tokens and their scopes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

Scope = Literal["estimate", "audit", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""`estimate` asks for estimates, reads them and decides; `audit` reads everything; `admin` does both, and
what changes the service."""
TokenState = Literal["active", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class Token:
    """A token on record, without its secret.

    Attributes:
        id: public: 12 hex digits, which stand in the token's text.
        name: what it is for, as it was given.
        scopes: what it may do, in the order of `SCOPES`.
        created_at: UTC.
        created_by: public id of the account, or None on the command line.
        expires_at: UTC.
        revoked_at: since when it counts no more, UTC, or None.
        last_used_at: UTC, within an hour or so, or None.
    """

    id: str
    name: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    created_by: str | None
    expires_at: datetime
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    @property
    def actor(self) -> str:
        """Name the token as records do."""
        return f"token:{self.id}"

    @property
    def beginning(self) -> str:
        """Return the part of its text that may be shown."""
        return f"simsvc_{self.id}"

    def state(self, now: datetime) -> TokenState:
        """Say whether it opens anything."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at <= now else "active"


@dataclass(frozen=True, slots=True)
class TokenDraft:
    """What a token is to be, checked.

    Attributes:
        name: what it is for.
        scopes: what it may do, at least one, in the order of `SCOPES`.
        days: how long it counts.
    """

    name: str
    scopes: tuple[Scope, ...]
    days: int


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token just made, to be shown once: only the hash of its secret is kept.

    Attributes:
        token: as it is on record.
        text: what a program sends.
    """

    token: Token
    text: str
