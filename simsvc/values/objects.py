"""Objects in a store that several hosts share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """What a listing says of an object; `modified` is in UTC."""

    key: str
    size_bytes: int
    modified: datetime
