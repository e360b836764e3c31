"""What a program sends beside its question."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestKey:
    """An idempotency key, and the request that it came with.

    Attributes:
        token: public id of the token.
        key: as the program chose it.
        request_sha256: of what was asked, whatever the form in which it was sent.
    """

    token: str
    key: str
    request_sha256: str
