"""Log settings at start, if they changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from simsvc.domain.audit.state import FACE_CHANGES
from simsvc.values.events import COMMAND, Event, EventKind, NewEvent


class Log(Protocol):
    """The event log."""

    def note_change(self, event: NewEvent) -> Event | None:
        """Log the content unless the latest event of this kind and subject says the same."""

    def note_once(self, event: NewEvent) -> Event | None:
        """Log the content unless there is an event of this kind and subject."""


def log_start(
    log: Log, settings: Mapping[str, str], face_sha256s: Sequence[str] = (), host: str = ""
) -> None:
    """Log the settings of a starting process, if they changed on its host; raises StoreError.

    Once, the sets in the file of face changes are logged, too: those of earlier versions were logged without
    their SHA-256.
    """
    log.note_change(
        NewEvent(EventKind.SETTINGS, COMMAND, f"settings@{host}" if host else "settings", dict(settings))
    )
    if face_sha256s:
        sets = {str(number): sha256 for number, sha256 in enumerate(face_sha256s, 1)}
        log.note_once(NewEvent(EventKind.FACE, COMMAND, FACE_CHANGES, {"what": "noted", "sets": sets}))
