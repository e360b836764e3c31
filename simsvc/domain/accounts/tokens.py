"""Token text and rules for new tokens."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection

from simsvc.errors import TokenDraftRefused
from simsvc.values.access.tokens import SCOPES, Scope, TokenDraft

ID_BYTES = 6
SECRET_BYTES = 32
"""256 bits. Source: NIST SP 800-63B, section 5.1.2.2: secrets of at least 112 bits of entropy are to be
hashed with an approved one-way function; the salt and the slow hash are for those that have fewer."""
NAME_CHARACTERS = 64
MOST_DAYS = 366
"""One year. OWASP API Security Top 10 (2023), API2, requires that tokens expire."""
USUAL_DAYS = 90
TEXT = re.compile(r"simsvc_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
"""Recognisable by people and secret scanners. Source: GitHub, "Behind GitHub's new authentication token
formats", 2021."""


def token_text(token_id: str, secret: str) -> str:
    """Return the token text: its ID and its secret."""
    return f"simsvc_{token_id}_{secret}"


def read_token(text: str) -> tuple[str, str] | None:
    """Return ID and secret of a token text, or None if it is not a token."""
    match = TEXT.fullmatch(text)
    return (match[1], match[2]) if match else None


def secret_sha256(secret: str) -> str:
    """Return the SHA-256 of a secret, in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def same_secret(secret: str, kept_sha256: str | None) -> bool:
    """Compare in constant time, also for unknown tokens."""
    known = kept_sha256 if kept_sha256 is not None else secret_sha256("")
    return hmac.compare_digest(secret_sha256(secret), known) and kept_sha256 is not None


def checked_draft(name: str, scopes: Collection[str], days: str) -> TokenDraft:
    """Return a checked token draft.

    Raises:
        TokenDraftRefused: a field is not valid.
    """
    return TokenDraft(checked_name(name), checked_scopes(scopes), checked_days(days))


def checked_name(name: str) -> str:
    """Return the name of a token with spaces normalised.

    Raises:
        TokenDraftRefused: the name is not valid.
    """
    trimmed = " ".join(name.split())
    if not trimmed or len(trimmed) > NAME_CHARACTERS or not trimmed.isprintable():
        raise TokenDraftRefused("name", most=NAME_CHARACTERS)
    return trimmed


def checked_scopes(scopes: Collection[str]) -> tuple[Scope, ...]:
    """Return the scopes of a token, in their order.

    Raises:
        TokenDraftRefused: there is no scope, or an unknown one.
    """
    if not scopes or not set(scopes) <= set(SCOPES):
        raise TokenDraftRefused("scopes")
    return tuple(scope for scope in SCOPES if scope in scopes)


def checked_days(text: str) -> int:
    """Return the days until a token expires.

    Raises:
        TokenDraftRefused: it is not a number from 1 to `MOST_DAYS`.
    """
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) < 4 and 1 <= int(digits) <= MOST_DAYS):
        raise TokenDraftRefused("days", most=MOST_DAYS)
    return int(digits)
