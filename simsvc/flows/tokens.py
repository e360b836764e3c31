"""Tokens: made, shown once, looked at with every request of a program, revoked."""

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
from simsvc.flows.accounts import utc_now
from simsvc.values.tokens import NewToken, Token, TokenDraft

USED_EVERY = timedelta(hours=1)
"""How stale the time of last use may get: a request that reads needs no write, and hardly ever makes one."""


class TokenBook(Protocol):
    """Keeps tokens. Every method is one transaction and raises StoreError where the database fails."""

    def add(self, token: Token, sha256: str) -> None:
        """Put a token on record."""
        ...

    def find(self, token_id: str) -> tuple[Token, str] | None:
        """Return the token of that id, and the SHA-256 of its secret."""
        ...

    def revoke(self, token_id: str, by: str | None, now: datetime) -> Token:
        """Let a token count no more; raises TokenNotFound."""
        ...

    def used(self, token_id: str, now: datetime) -> None:
        """Note when it was last used, if that can be done at once; never fails, and never waits."""
        ...


@dataclass(frozen=True, slots=True)
class Tokens:
    """What is done with tokens.

    Attributes:
        book: keeps them.
        now: the clock.
    """

    book: TokenBook
    now: Callable[[], datetime] = utc_now

    def create(self, draft: TokenDraft, by: str | None = None) -> NewToken:
        """Make a token; its text is in the answer and nowhere else.

        Args:
            draft: what it is to be.
            by: public id of the account, or None on the command line.

        Raises:
            StoreError: the database cannot be written.
        """
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
        """Return the token that a program sent.

        Raises:
            TokenRefused: it is none, is unknown, has expired or was revoked.
            StoreError: the database cannot be used.
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
        """Let a token count no more, at once.

        Raises:
            TokenNotFound: there is none of that id.
            StoreError: the database cannot be written.
        """
        return self.book.revoke(token_id, by, self.now())
