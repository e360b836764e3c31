"""API tokens: create, check, revoke."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from simsvc.domain.accounts.tokens import (
    ID_BYTES,
    SECRET_BYTES,
    read_token,
    same_secret,
    secret_sha256,
    token_text,
)
from simsvc.errors import TokenRefused
from simsvc.flows.access.accounts import utc_now
from simsvc.values.access.tokens import NewToken, Token, TokenDraft

USED_EVERY = timedelta(hours=1)
"""Precision of the time of last use, so that requests rarely need to write."""


class TokenBook(Protocol):
    """Stores tokens. Every method is one transaction and raises StoreError on database errors."""

    def add(self, token: Token, sha256: str) -> None:
        """Store a token."""

    def find(self, token_id: str) -> tuple[Token, str] | None:
        """Return a token and the SHA-256 of its secret."""

    def revoke(self, token_id: str, by: str | None, now: datetime) -> Token:
        """Revoke a token; raises TokenNotFound."""

    def used(self, token_id: str, now: datetime) -> None:
        """Note the last use if possible at once; never fails and never waits."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Operations on tokens."""

    book: TokenBook
    now: Callable[[], datetime] = utc_now

    def create(self, draft: TokenDraft, by: str | None = None) -> NewToken:
        """Create a token for an account, or for None on the command line; its text is not stored."""
        now, secret = self.now(), secrets.token_urlsafe(SECRET_BYTES)
        token = Token(
            id=secrets.token_hex(ID_BYTES),
            name=draft.name,
            scopes=draft.scopes,
            created_at=now,
            created_by=by,
            expires_at=now + timedelta(days=draft.days),
        )
        self.book.add(token, secret_sha256(secret))
        return NewToken(token, token_text(token.id, secret))

    def opened_by(self, text: str) -> Token:
        """Return the token of a request.

        Raises TokenRefused if it is malformed, unknown, expired or revoked; StoreError if the database cannot
        be used.
        """
        sent, now = read_token(text), self.now()
        found = self.book.find(sent[0]) if sent else None
        right = same_secret(sent[1] if sent else "", found[1] if found else None)
        if found is None or not right:
            raise TokenRefused("unknown")
        token = found[0]
        if token.state(now) != "active":
            raise TokenRefused("ended", state=token.state(now))
        if token.last_used_at is None or now - token.last_used_at >= USED_EVERY:
            self.book.used(token.id, now)
        return token

    def revoke(self, token_id: str, by: str | None = None) -> Token:
        """Revoke a token; raises TokenNotFound if it does not exist, StoreError."""
        return self.book.revoke(token_id, by, self.now())
