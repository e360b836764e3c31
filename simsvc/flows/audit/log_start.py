"""Log settings and model at start, if they changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from simsvc.values.events import COMMAND, Event, EventKind, NewEvent


class Log(Protocol):
    """The event log."""

    def note_change(self, event: NewEvent) -> Event | None:
        """Log the content unless the latest event of this kind and subject says the same."""


def log_start(log: Log, settings: Mapping[str, str], model_version: str, model_sha256: str) -> None:
    """Log the settings and the model of a starting process, if they changed; raises StoreError."""
    log.note_change(NewEvent(EventKind.SETTINGS, COMMAND, "settings", dict(settings)))
    model = {"version": model_version, "sha256": model_sha256}
    log.note_change(NewEvent(EventKind.MODEL_SWITCH, COMMAND, "model", model))
