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
        ConnectionError: it cannot be used; the text is that of its library.
    """
    storage = storage_from_string(address, socket_connect_timeout=PATIENCE_S, socket_timeout=PATIENCE_S)
    start = time.perf_counter()
    try:
        answers = _answers(storage)
    except storage.base_exceptions as error:
        raise ConnectionError(str(error)) from error
    if not answers:
        raise ConnectionError
    return (time.perf_counter() - start) * 1e3


def _answers(storage: Any) -> bool:
    """Return whether the storage can be used; Redis is asked by its client, whose errors name the cause."""
    client = getattr(storage, "get_connection", None)
    return bool(client().ping() if client else storage.check())
