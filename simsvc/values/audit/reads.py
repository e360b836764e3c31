"""Reads: that a person or a program opened a record or a case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Opened = Literal["page", "api", "crop", "thumbnail", "heat_map"]
"""What was shown: a page, an answer of the API, the face crop, its thumbnail, or the heat map alone."""


@dataclass(frozen=True, slots=True)
class Read:
    """An answer that showed a record or a case.

    Attributes:
        actor: who asked, like that of an event.
        what: what was shown.
        endpoint: the name of the route.
        at: when it was answered, UTC; the event is written a moment later.
        record: public ID of the record, or "" for a case.
        case: reference of the case, or "" for a record. Never part of the event, which names a pseudonym.
        by: what else identifies the access: the number of the session or the ID of the token, and the network
            address where the settings say so.
    """

    actor: str
    what: Opened
    endpoint: str
    at: datetime
    record: str = ""
    case: str = ""
    by: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def content(self) -> dict[str, Any]:
        """Return the content of the event."""
        at = self.at.isoformat(timespec="milliseconds")
        return {"what": self.what, "endpoint": self.endpoint, "at": at, **self.by}


@dataclass(frozen=True, slots=True)
class Views:
    """How often a case or record was opened, and by how many accounts and tokens."""

    count: int
    people: int
