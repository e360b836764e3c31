"""How long Redis is waited for, where rates are counted in it."""

from __future__ import annotations

from typing import Any

SCHEMES = ("redis://", "rediss://", "redis+unix://", "unix://")
TIMEOUT_S = 0.25
"""A request waits for Redis once, then its worker counts alone and asks again after 1, 2, 4 ... 32 s
(Flask-Limiter). Redis answers within a millisecond. Chosen: what people hardly notice."""


def redis_options(url: str) -> dict[str, Any]:
    """Return options of the client for a storage of that address; nothing for one that is not Redis."""
    if not url.startswith(SCHEMES):
        return {}
    try:
        from redis.backoff import NoBackoff  # noqa: PLC0415 - only where Redis is used
        from redis.retry import Retry  # noqa: PLC0415 - likewise
    except ImportError:  # told by the storage itself
        return {}
    # by default, the client would try again three times, with seconds between
    return {
        "socket_connect_timeout": TIMEOUT_S,
        "socket_timeout": TIMEOUT_S,
        "retry": Retry(NoBackoff(), 0),
    }
