"""Which hosts may answer together."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from simsvc.errors import HostRefused
from simsvc.values.hosts import ALLOWED_SKEW, Host


def problem_of(me: Host, earlier: Iterable[Host], skew: timedelta) -> HostRefused | None:
    """Return why a host may not answer beside those that were there before it, or None.

    `skew` is by how much its clock is ahead of the database's.
    """
    if abs(skew) > ALLOWED_SKEW:
        ahead_s = skew.total_seconds()
        return HostRefused("clock", host=me.name, seconds=round(ahead_s, 1))
    for other in earlier:
        if other.release != me.release:
            return HostRefused(
                "version", host=me.name, version=me.version, other=other.name, other_version=other.version
            )
        if other.key_digest != me.key_digest:
            return HostRefused("key", host=me.name, other=other.name)
        if None not in {me.model_sha256, other.model_sha256} and other.model_sha256 != me.model_sha256:
            return HostRefused("model", host=me.name, other=other.name)
    return None
