"""The log as a whole: what is noted by itself, and what is read of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, select

from simsvc.domain.audit.chain import canonical
from simsvc.errors import IndexUnusable, StoreError
from simsvc.store.audit.snapshot import LogSnapshot
from simsvc.store.audit_append import append, last_event, lock_log
from simsvc.store.database import Database, Store
from simsvc.store.tables import EventContentRow, EventRow
from simsvc.values.events import Break, Event, EventKind, FaceSets, NewEvent

HOLD_WAIT_MS = 2_000
"""How long a snapshot waits for writers before it reads files. A writer holds the log for under a millisecond
plus the disk's time (docs/explanation/audit-log.md); `make stress` has 8 of them."""

Read = TypeVar("Read")
_log = logging.getLogger(__name__)


class EventLog(Store):
    """The log as a whole.

    `face_sha256s` reads the file of face changes, where there is one to verify; `served` returns what is in
    service and differs from the log.
    """

    def __init__(
        self,
        database: Database,
        face_sha256s: Callable[[], Sequence[str]] | None = None,
        served: Callable[[], Sequence[Break]] = tuple,
    ) -> None:
        super().__init__(database)
        self._face_sha256s = face_sha256s
        self._served = served

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

    def note_once(self, event: NewEvent) -> Event | None:
        """Log the content unless there is an event of this kind and subject."""
        same = select(EventRow.seq).where(EventRow.kind == str(event.kind), EventRow.subject == event.subject)
        with self._database.transaction() as session:
            lock_log(session.connection())
            if session.scalar(same.limit(1)) is not None:
                return None
            return append(session, event)

    @contextmanager
    def snapshot(self) -> Iterator[LogSnapshot]:
        """Give the log and its records as they are at one instant, whoever writes meanwhile."""
        held = _HeldLog(self._database)
        with self._database.reading() as session:
            yield LogSnapshot(
                session,
                lambda: held.read(self._face_sets) if self._face_sha256s else None,
                lambda: held.read(lambda _connection: self._served()),
            )

    def while_unchanged(self, read: Callable[[], Read]) -> tuple[int, Read]:
        """Read files while nobody logs or switches; return the number of the last event then, and the result.

        Raises:
            StoreError: the database cannot be used.
        """

        def found(connection: Connection) -> tuple[int, Read]:
            last = last_event(connection)
            return (last.seq if last else 0), read()

        return _HeldLog(self._database).read(found)

    def _face_sets(self, connection: Connection) -> FaceSets | None:
        """Read the file of face changes."""
        if self._face_sha256s is None:
            return None
        last = last_event(connection)
        try:
            return FaceSets(last.seq if last else 0, tuple(self._face_sha256s()))
        except IndexUnusable as error:
            _log.warning("the face changes are not verified: %s", error.sentence)
            return None


class _HeldLog:
    """Reads files while nobody logs anything or switches, so that they are as the log has them.

    A database that cannot be written has no writers to wait for, and one in which another process writes all
    the time is waited for once: then files are read as they are.
    """

    def __init__(self, database: Database) -> None:
        self._database, self._wait_ms = database, HOLD_WAIT_MS

    def read(self, files: Callable[[Connection], Read]) -> Read:
        with suppress(StoreError), self._database.hurried(self._wait_ms) as session:
            connection = session.connection()
            lock_log(connection)
            return files(connection)
        self._wait_ms = 0
        with self._database.read_connection() as connection:
            return files(connection)
