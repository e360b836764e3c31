"""Events of the log as JSON Lines and CSV."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from simsvc.domain.files.spreadsheet import csv_line
from simsvc.store.audit.log import EventLog
from simsvc.values.events import EVERY_EVENT, Event, EventFilter, LoggedEvent
from simsvc.web.rendering.history_csv import MARK

EVENT_COLUMNS = (*(field.name for field in dataclasses.fields(Event)), "salt", "content")
JSON_LINES, CSV = "application/jsonl", "text/csv"


def described(logged: LoggedEvent) -> dict[str, Any]:
    """Return an event with its content, ready for JSON."""
    erased = logged.content is None
    salt = None if erased else logged.salt.hex()
    return {**dataclasses.asdict(logged.event), "salt": salt, "content": _said(logged.content)}


def every_event(log: EventLog, wanted: EventFilter = EVERY_EVENT) -> Iterator[dict[str, Any]]:
    """Yield the wanted events up to the newest at the start, oldest first.

    Each page is a separate read, so no lock is held.
    """
    with log.snapshot() as snapshot:
        newest = snapshot.count()
    after: int | None = None
    while True:
        with log.snapshot() as snapshot:
            page = snapshot.after(after, wanted=wanted)
        yield from (described(logged) for logged in page if logged.event.seq <= newest)
        if not page or page[-1].event.seq >= newest:
            return
        after = page[-1].event.seq


def event_lines(events: Iterator[dict[str, Any]], form: str) -> Iterator[str]:
    """Yield events as lines of "csv" or "jsonl"."""
    return _table(events) if form == "csv" else (json.dumps(event) + "\n" for event in events)


def _table(events: Iterator[dict[str, Any]]) -> Iterator[str]:
    yield MARK + csv_line(EVENT_COLUMNS)
    for event in events:
        said = None if event["content"] is None else json.dumps(event["content"])
        yield csv_line([*(event[name] for name in EVENT_COLUMNS[:-1]), said])


def _said(content: str | None) -> dict[str, Any] | None:
    """Return the content of an event; content that was tampered with is returned as text."""
    if content is None:
        return None
    try:
        said = json.loads(content)
    except ValueError:
        said = None
    return said if isinstance(said, dict) else {"unreadable": content}
