"""What there is to know of a PostgreSQL server."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from statistics import median

from sqlalchemy import func, select, text

from simsvc.store.database import Database

ROUNDS = 5


def server_facts(database: Database) -> tuple[int, float, datetime, datetime]:
    """Return version number, milliseconds of a query of nothing, and the clocks of server and host.

    The host's clock is read in the middle of the query that reads the server's.

    Raises:
        StoreError: the database cannot be used.
    """
    taken = []
    with database.read_connection() as connection:
        version = int(connection.scalar(text("SHOW server_version_num")) or 0)
        for _ in range(ROUNDS):
            start = time.perf_counter()
            connection.execute(select(1))
            taken.append((time.perf_counter() - start) * 1e3)
        before = datetime.now(UTC)
        at = connection.scalar(select(func.clock_timestamp()))
        here = before + (datetime.now(UTC) - before) / 2
    assert isinstance(at, datetime)  # noqa: S101 - told to mypy
    return version, median(taken), at.astimezone(UTC), here
