"""Log settings at start, if they changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from simsvc.values.events import COMMAND, Event, EventKind, NewEvent


class Log(Protocol):
    """The event log."""

    def note_change(self, event: NewEvent) -> Event | None:
        """Log the content unless the latest event of this kind and subject says the same."""


def log_start(log: Log, settings: Mapping[str, str]) -> None:
    """Log the settings of a starting process, if they changed; raises StoreError."""
    log.note_change(NewEvent(EventKind.SETTINGS, COMMAND, "settings", dict(settings)))
