"""API tokens and their scopes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

Scope = Literal["estimate", "audit", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""`estimate`: create and read estimates, record decisions; `audit`: read everything; `admin`: full access."""
TokenState = Literal["active", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class Token:
    """A stored token, without its secret; times are UTC.

    Attributes:
        id: public, 12 hex digits, part of the token text.
        scopes: what it may do, in the order of `SCOPES`.
        created_by: public id of the account, or None on the command line.
        last_used_at: within an hour or so, or None.
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
        """Name of the token in records."""
        return f"token:{self.id}"

    @property
    def beginning(self) -> str:
        """Return the visible part of the token text."""
        return f"simsvc_{self.id}"

    def state(self, now: datetime) -> TokenState:
        """Return the state of the token."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at <= now else "active"


@dataclass(frozen=True, slots=True)
class TokenDraft:
    """A checked draft of a token: at least one scope, in the order of `SCOPES`, and days until it expires."""

    name: str
    scopes: tuple[Scope, ...]
    days: int


@dataclass(frozen=True, slots=True)
class NewToken:
    """A new token and its text, shown once; only the hash of its secret is stored."""

    token: Token
    text: str
