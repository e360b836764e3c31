"""What the log keeps of a start: settings and model, where they are not those of the start before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from simsvc.values.events import COMMAND, Event, EventKind, NewEvent


class Log(Protocol):
    """Where events are noted."""

    def note_change(self, event: NewEvent) -> Event | None:
        """Log the content unless the latest event of this kind and subject says the same."""
        ...


def log_start(log: Log, settings: Mapping[str, str], model_version: str, model_sha256: str) -> None:
    """Log the settings and the model that a process begins to serve with, if they are others than before.

    Raises:
        StoreError: the database cannot be used.
    """
    log.note_change(NewEvent(EventKind.SETTINGS, COMMAND, "settings", dict(settings)))
    model = {"version": model_version, "sha256": model_sha256}
    log.note_change(NewEvent(EventKind.MODEL_SWITCH, COMMAND, "model", model))
