"""What erased rows leave in the files of the database, and overwriting it.

What is to be overwritten is put on record in the transaction that erases, and stays there until it is done: a
crash, or a reader that still sees the rows, only delays it.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from simsvc.errors import StoreError
from simsvc.store import postgres
from simsvc.store.audit_append import append
from simsvc.store.database import Store
from simsvc.store.tables import Table, UnfinishedErasureRow
from simsvc.values.events import COMMAND, EventKind, NewEvent

PATIENCE_S = 2.0
"""How long a request waits for readers that still see erased rows; the service tries again by itself."""
TRY_EVERY_S = 0.1
REWRITTEN_BYTES = 256_000_000
"""Largest tables of PostgreSQL that a request rewrites: that takes a second or two, in which nobody can use
them. Larger ones wait for `flask erase finish`."""

_log = logging.getLogger(__name__)


def note_remains(session: Session, event: int, tables: Sequence[str], now: datetime) -> None:
    """Put on record, with the receipt of that number, that files hold remains of rows of these tables."""
    session.add(UnfinishedErasureRow(event=event, tables=list(tables), since=now))
    session.flush()


class Scrubber(Store):
    """Overwrites what is left of erased rows in the database's own files.

    SQLite overwrites rows when they are deleted (secure_delete) and keeps copies in its write-ahead log until
    that is folded in, which no reader may hold up. PostgreSQL keeps them in the tables' files until those are
    rewritten. Neither reaches back-ups, nor PostgreSQL's own write-ahead log.
    """

    def unfinished(self) -> int:
        """Count the erasures of which the files may hold remains."""
        with self._database.reading() as session:
            return len(session.scalars(select(UnfinishedErasureRow.event)).all())

    def finish(self, patience_s: float = PATIENCE_S, *, all_sizes: bool = False) -> int:
        """Overwrite what is left, log that it is, and return of how many erasures it is not.

        Readers that still see the rows are waited for; `all_sizes` includes PostgreSQL's largest tables.
        """
        with self._database.reading() as session:
            rows = session.scalars(select(UnfinishedErasureRow).order_by(UnfinishedErasureRow.event)).all()
        if not rows:
            return 0
        wanted = {name for row in rows for name in row.tables} & set(Table.metadata.tables)
        try:
            if not self._overwritten(sorted(wanted), patience_s, all_sizes):
                return len(rows)
            self._note_done([row.event for row in rows])
        except (SQLAlchemyError, sqlite3.Error, StoreError):
            _log.exception("what was erased is gone from the tables, but may be left in the files")
            return len(rows)
        return 0

    def _note_done(self, events: list[int]) -> None:
        content = {"what": "overwritten", "receipts": events}
        with self._database.transaction() as session:
            session.execute(delete(UnfinishedErasureRow).where(UnfinishedErasureRow.event.in_(events)))
            append(session, NewEvent(EventKind.ERASURE, COMMAND, "files", content))

    def _overwritten(self, tables: Collection[str], patience_s: float, all_sizes: bool) -> bool:
        if self._database.engine.dialect.name == "sqlite":
            return self._database.fold_in(patience_s)
        options = {"isolation_level": "AUTOCOMMIT"}
        with self._database.engine.connect().execution_options(**options) as connection:
            postgres.unlimited(connection)
            connection.execute(text(f"SET lock_timeout = {int(max(patience_s, 1) * 1000)}"))
            try:
                return _rewritten(connection, tables, patience_s, all_sizes)
            finally:
                connection.invalidate()  # with it go the settings


_SIZE = text("SELECT pg_total_relation_size(CAST(:name AS regclass))")
_OLDER = text(
    "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database() "
    "AND backend_xmin IS NOT NULL AND xact_start <= :since"
)
_NOW = text("SELECT clock_timestamp()")


def _rewritten(connection: Connection, tables: Collection[str], patience_s: float, all_sizes: bool) -> bool:
    """Write tables anew without what was deleted from them; say whether that could be done.

    A transaction that began before the rows were deleted still sees them, and they are kept for it: one of a
    client, or PostgreSQL's own when it analyses a table.
    """
    since, end = connection.scalar(_NOW), time.monotonic() + patience_s
    while connection.scalar(_OLDER, {"since": since}):
        if time.monotonic() > end:
            return False
        time.sleep(TRY_EVERY_S)
    size = sum(connection.scalar(_SIZE, {"name": name}) or 0 for name in tables)
    if size > REWRITTEN_BYTES and not all_sizes:
        connection.exec_driver_sql(f"VACUUM {', '.join(tables)}")
        return False
    for name in tables:
        connection.exec_driver_sql(f"VACUUM (FULL) {name}")
    return True
