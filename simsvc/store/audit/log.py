"""The log as a whole: what is noted by itself, and what is read of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import select

from simsvc.domain.audit.chain import canonical
from simsvc.store.audit.snapshot import LogSnapshot
from simsvc.store.audit_append import append, lock_log
from simsvc.store.database import Store
from simsvc.store.tables import EventContentRow, EventRow
from simsvc.values.events import Event, EventKind, NewEvent


class EventLog(Store):
    """The log as a whole."""

    def note(self, event: NewEvent) -> Event:
        """Log what leaves no other trace in the database, such as an export, in a transaction of its own."""
        with self._database.transaction() as session:
            return append(session, event)

    def note_all(self, events: Iterable[NewEvent]) -> tuple[Event, ...]:
        """Log several such events, one after another, in one transaction."""
        with self._database.transaction() as session:
            return tuple(append(session, event) for event in events)

    def last_at(self, kind: EventKind) -> datetime | None:
        """Return when the last event of a kind was logged, or None."""
        query = select(EventRow.at).where(EventRow.kind == str(kind)).order_by(EventRow.seq.desc()).limit(1)
        with self._database.reading() as session:
            at = session.scalar(query)
            return datetime.fromisoformat(at) if at else None

    def note_change(self, event: NewEvent) -> Event | None:
        """Log the content unless the latest event of this kind and subject says the same."""
        with self._database.transaction() as session:
            lock_log(session.connection())
            same = select(EventContentRow.content).join(EventRow, EventRow.seq == EventContentRow.seq)
            latest = same.where(EventRow.kind == str(event.kind), EventRow.subject == event.subject)
            if session.scalar(latest.order_by(EventRow.seq.desc()).limit(1)) == canonical(event.content):
                return None
            return append(session, event)

    @contextmanager
    def snapshot(self) -> Iterator[LogSnapshot]:
        """Give the log and its records as they are at one instant, whoever writes meanwhile."""
        with self._database.reading() as session:
            yield LogSnapshot(session)
