"""Hosts that share a database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Host:
    """What a host says of itself.

    Attributes:
        version: of simsvc.
        schema: newest revision of the database that this version knows.
        model_sha256: of the model.json that it answers with; None if it has no model.
        key_digest: tells whether sessions are signed with the same key, and nothing else about the key.
    """

    id: str
    name: str
    version: str
    schema: str
    model_sha256: str | None
    key_digest: str

    @property
    def release(self) -> str:
        """MAJOR.MINOR of the version: hosts of one release may serve together."""
        return ".".join(self.version.split(".")[:2])


@dataclass(frozen=True, slots=True)
class Met:
    """What a host learns when it says that it is alive.

    Attributes:
        earlier: live hosts that were there before it, the first one first.
        database_at: the database's clock.
    """

    earlier: tuple[Host, ...]
    database_at: datetime


ALLOWED_SKEW = timedelta(seconds=5)
"""By how much the clocks of a host and of the database may differ: dates of records, ends of sessions and
leases then still mean the same on every host, and NTP keeps clocks within milliseconds."""
