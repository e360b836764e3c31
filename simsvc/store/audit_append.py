"""The log of events: appended to in the transaction of what it records, and never changed."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.orm import Session

from simsvc.domain.audit.chain import SALT_BYTES, canonical, content_sha256, next_event
from simsvc.store.tables import EventContentRow, EventRow
from simsvc.values.events import Event, EventKind, NewEvent

LOCK = 0x5153_5643
"""Any number that nothing else locks in this database: "QSVC"."""


def append(session: Session, event: NewEvent) -> Event:
    """Append an event within the caller's transaction, and return it as it is chained.

    From here to the end of the transaction every other writer of the log waits. Call it last, after the rows
    that it records are written: who holds the log must not wait for rows that another one holds.

    Raises ValueError if the content is nothing that JSON can hold.
    """
    session.flush()
    return chain(session.connection(), event)


def chain(connection: Connection, event: NewEvent) -> Event:
    """Append an event like `append`, within the caller's transaction on a bare connection."""
    return chain_all(connection, [event])[0]


def chain_all(connection: Connection, events: Sequence[NewEvent]) -> list[Event]:
    """Append events like `chain`, one after the other, with two inserts for all of them."""
    new = [(event, canonical(event.content), secrets.token_bytes(SALT_BYTES)) for event in events]
    lock_log(connection)
    last, chained = last_event(connection), []
    for event, content, salt in new:
        last = next_event(event, datetime.now(UTC), content_sha256(salt, content), last)
        chained.append(last)
    connection.execute(_ADD_EVENT, [asdict(event) for event in chained])
    contents = zip(chained, new, strict=True)
    connection.execute(
        _ADD_CONTENT,
        [{"seq": event.seq, "salt": salt, "content": content} for event, (_, content, salt) in contents],
    )
    return chained


def lock_log(connection: Connection) -> None:
    """Keep every other writer out of the log until the transaction ends; SQLite does so by itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(LOCK)))


def last_event(connection: Connection) -> Event | None:
    """Return the last event, or None where nothing is logged yet."""
    row = connection.execute(_LAST).one_or_none()
    return Event(*row) if row else None


def erase_contents(session: Session, subjects: Iterable[str]) -> tuple[int, ...]:
    """Erase what events about these subjects say beside the chain, and return the numbers of those events.

    The caller appends an event of kind ERASURE or RETENTION in the same transaction whose content names these
    numbers as `"events": [...]`: without it, verifying reports that the contents are missing. Events of kind
    ERASURE, RETENTION and SETTINGS keep their contents.
    """
    wanted = select(EventRow.seq).where(EventRow.subject.in_(list(subjects)), EventRow.kind.not_in(KEPT))
    kept = select(EventContentRow.seq).where(EventContentRow.seq.in_(wanted)).order_by(EventContentRow.seq)
    found = tuple(session.scalars(kept))
    session.execute(delete(EventContentRow).where(EventContentRow.seq.in_(found)))
    return found


_ADD_EVENT, _ADD_CONTENT = insert(EventRow), insert(EventContentRow)
_LAST = select(EventRow.__table__).order_by(EventRow.seq.desc()).limit(1)
KEPT = (str(EventKind.ERASURE), str(EventKind.RETENTION), str(EventKind.SETTINGS))
"""Kinds whose contents are never erased; the tables' triggers see to it."""
