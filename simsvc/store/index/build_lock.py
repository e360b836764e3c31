"""One build at a time, on all hosts that share the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from simsvc.errors import BuildRunning, StoreError
from simsvc.store.database import Store

LOCK = 0x5142_4C44
"""Any number that nothing else locks in this database: "QBLD"."""


class BuildLockStore(Store):
    """A lock that PostgreSQL releases when the builder's connection ends, however that happens."""

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock, on a connection that nothing else uses.

        A connection that is lost frees the lock while the build runs on: then two hosts may build at the same
        time, which costs time alone, as builds are named by their content and switches are logged in turn.

        Raises:
            BuildRunning: another process holds it.
            StoreError: the database cannot be used.
        """
        with self._database.own_connection() as connection:
            try:
                is_mine = connection.scalar(select(func.pg_try_advisory_lock(LOCK)))
            except SQLAlchemyError as error:
                raise StoreError("unusable") from error
            if not is_mine:
                raise BuildRunning("elsewhere")
            yield
