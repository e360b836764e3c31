"""Idempotency keys."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestKey:
    """An idempotency key of a token, and the digest of the request content, independent of its form."""

    token: str
    key: str
    request_sha256: str
