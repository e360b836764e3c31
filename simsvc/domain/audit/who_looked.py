"""Who looked at a record or case: events of reads and exports as lines of a list."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simsvc.values.events import EventKind, LoggedEvent


@dataclass(frozen=True, slots=True)
class Look:
    """An event by which somebody saw a record or case.

    Attributes:
        seq: number of the event.
        at: when it was answered, UTC; when it was logged, if the content was erased.
        actor: who, as in `values.events`.
        record: public ID of the record, or "" for the case as a whole.
        what: an `Opened`, or the format of an export, such as "pdf"; "" if the content was erased.
        session: number of the session in the browser, if any.
        token: ID of the API token, if any.
        address: network address, where the settings say so.
    """

    seq: int
    at: datetime
    actor: str
    record: str
    what: str
    session: int | None = None
    token: str | None = None
    address: str | None = None


def look_of(logged: LoggedEvent) -> Look:
    """Return the line of an event of kind READ or EXPORT."""
    event, said = logged.event, _said(logged.content)
    kind, _, name = event.subject.partition(":")
    token = said.get("token")
    if event.actor.startswith("token:"):
        token = token or event.actor.partition(":")[2]
    return Look(
        event.seq,
        _answered_at(said) or event.time,
        event.actor,
        name if kind == "estimate" else "",
        str(said.get("format" if event.kind == EventKind.EXPORT else "what", "")),
        said.get("session"),
        token,
        said.get("address"),
    )


def _answered_at(said: dict[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(str(said.get("at", "")))
    except ValueError:
        return None


def _said(content: str | None) -> dict[str, Any]:
    """Return the content of an event; an empty one if it was erased or tampered with."""
    try:
        said = json.loads(content or "{}")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
