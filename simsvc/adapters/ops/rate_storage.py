"""Where requests are counted, asked once."""

from __future__ import annotations

import time
from typing import Any

from limits.storage import storage_from_string

PATIENCE_S = 2
"""A server in the same network answers in milliseconds."""


def answer_ms(address: str) -> float:
    """Return how long the storage takes to answer.

    Raises:
        ConnectionError: it says that it cannot be used.
        Exception: what the storage's own library raises.
    """
    storage = storage_from_string(address, socket_connect_timeout=PATIENCE_S, socket_timeout=PATIENCE_S)
    start = time.perf_counter()
    if not _answers(storage):
        raise ConnectionError
    return (time.perf_counter() - start) * 1e3


def _answers(storage: Any) -> bool:
    """Return whether the storage can be used; Redis is asked by its client, whose errors name the cause."""
    client = getattr(storage, "get_connection", None)
    return bool(client().ping() if client else storage.check())
