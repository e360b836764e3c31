"""The stream of events: where it goes by the settings, and how far it is."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from simsvc.adapters.sending.event_sinks import SyslogSink, WebhookSink
from simsvc.flows.audit.stream_events import Streamer
from simsvc.settings import Settings
from simsvc.store.audit.event_stream import EventStreamStore
from simsvc.store.audit.log import EventLog
from simsvc.store.database import Database


@dataclass(frozen=True, slots=True)
class StreamLag:
    """How far behind the stream is.

    Attributes:
        events: that were not delivered yet.
        behind: how long ago the oldest of them was logged; zero if there is none.
        problem: why the last attempt failed, or None.
    """

    events: int
    behind: timedelta
    problem: str | None


def streamer(
    settings: Settings, database: Database, log: EventLog, now: Callable[[], datetime]
) -> Streamer | None:
    """Return what streams events, or None if no receiver is set."""
    if not settings.event_stream:
        return None
    return Streamer(EventStreamStore(database), log.snapshot, sink(settings), _holder(), now)


def sink(settings: Settings) -> SyslogSink | WebhookSink:
    """Return the receiver of the settings."""
    url, with_content = settings.event_stream, settings.event_stream_content
    if url.startswith("syslog"):
        return SyslogSink(url, with_content)
    return WebhookSink(url, settings.event_stream_secret, with_content)


def stream_lag(database: Database, log: EventLog, now: datetime) -> StreamLag:
    """Return how far behind the stream is; raises StoreError."""
    state = EventStreamStore(database).state()
    with log.snapshot() as snapshot:
        last = snapshot.last()
        waiting = snapshot.after(state.position, 1) if last and last.seq > state.position else []
    if last is None or not waiting:
        return StreamLag(0, timedelta(), state.problem)
    behind = max(timedelta(), now - waiting[0].event.time)
    return StreamLag(last.seq - state.position, behind, state.problem)


def _holder() -> str:
    return f"{socket.gethostname()[:32]}:{os.getpid()}:{secrets.token_hex(4)}"
