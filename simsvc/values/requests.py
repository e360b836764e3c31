"""Idempotency keys."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestKey:
    """An idempotency key and its request.

    Attributes:
        token: public id of the token.
        key: chosen by the client.
        request_sha256: of the request content, independent of its form.
    """

    token: str
    key: str
    request_sha256: str
