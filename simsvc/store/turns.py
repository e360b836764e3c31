"""Turns that processes take, on all hosts that share the database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from simsvc.store.database import Store

SIGNING, WITNESSING = 0x5153_474E, 0x5157_544E
"""Any numbers that nothing else locks in this database: "QSGN" and "QWTN"."""
RETRY_S = 0.05


class Turns(Store):
    """Locks that PostgreSQL frees when a process ends; on SQLite, files lock, as all processes share them."""

    @contextmanager
    def taken(self, number: int, patience_s: float = 0.0) -> Iterator[bool]:
        """Hold a turn, and say whether it came within the time.

        Raises StoreError if the database cannot be used.
        """
        if not self._database.is_shared:
            yield True
            return
        with self._database.quick_connection() as connection:
            until, query = time.monotonic() + patience_s, select(func.pg_try_advisory_lock(number))
            while not (mine := bool(connection.scalar(query))) and time.monotonic() < until:
                time.sleep(RETRY_S)
            try:
                yield mine
            finally:
                with suppress(SQLAlchemyError):  # a lost connection has freed it
                    if mine:
                        connection.scalar(select(func.pg_advisory_unlock(number)))
