"""Connections to PostgreSQL that notice when the server, or the network to it, is gone."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

from sqlalchemy import URL, Connection, Dialect, Engine, create_engine, event

IDLE_TRANSACTION_MS = 60_000
"""After which PostgreSQL ends a transaction that nobody goes on with: a stopped process must let go."""
CONNECT_TIMEOUT_S = 3
"""Within a site, a connection takes milliseconds; a request may need several in a row, and has 60 s."""
CLOSED_S = 1.0
"""How long nothing is tried after a connection failed: a request that asks ten times waits once."""
SLACK_S = 5.0
"""How much longer than PostgreSQL may take for a statement its answer is waited for: a server that is frozen,
while its machine lives, ends no statement, and no probe of the network notices."""
POOL_TIMEOUT_S = 10
"""How long a thread waits for one of the connections of its process."""
CUT = {
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""A cut is noticed after 11 s at the latest: by three probes after 5 s while an answer is waited for, or as a
query is not acknowledged for 10 s. Source: PostgreSQL's documentation, "Connection Strings"; tcp(7)."""


def open_engine(url: URL, pool_size: int, statement_timeout_ms: int) -> Engine:
    """Return an engine whose errors come within seconds, and which recovers by itself.

    `pool_pre_ping` asks before each use whether a connection still works: some 0.1 ms on one machine, and an
    estimate takes 35 (`python -m tests.bench.hosts`).
    """
    limits = {
        "statement_timeout": statement_timeout_ms,
        "idle_in_transaction_session_timeout": IDLE_TRANSACTION_MS,
    }
    engine = create_engine(
        url,
        pool_pre_ping=True,
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=POOL_TIMEOUT_S,
        isolation_level="READ COMMITTED",  # who waited for the log then sees what the others appended
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "simsvc",
            "options": " ".join(f"-c {name}={value}" for name, value in limits.items()),
            **CUT,
        },
    )
    event.listen(engine, "do_connect", _Door(statement_timeout_ms / 1000 + SLACK_S))
    return engine


class _Door:
    """Makes connections; for a moment after one could not be made, says so without trying."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._closed_until_s, self._why = 0.0, ""

    def __call__(
        self, dialect: Dialect, _record: object, args: tuple[Any, ...], params: dict[str, Any]
    ) -> Any:
        gone = dialect.loaded_dbapi.OperationalError
        if time.monotonic() < self._closed_until_s:
            raise gone(f"the server could not be reached a moment ago: {self._why}")
        try:
            made = dialect.connect(*args, **params)
        except gone as error:
            self._closed_until_s, self._why = time.monotonic() + CLOSED_S, str(error)
            raise
        _Patience(made, self._patience_s, gone)
        return made


def unlimited(connection: Connection) -> None:
    """Let statements of a connection take as long as they do; it must not go back to the pool."""
    connection.exec_driver_sql("SET statement_timeout = 0")
    vars(connection.connection.dbapi_connection).pop("wait", None)


class _Patience:
    """Lets a connection of psycopg wait for each answer no longer than that."""

    def __init__(self, made: Any, patience_s: float, gone: type[Exception]) -> None:
        self._made, self._patience_s, self._gone = made, patience_s, gone
        self._wait = made.wait
        made.wait = self.wait

    def wait(self, operation: Any, *args: Any, **kwargs: Any) -> Any:
        return self._wait(self._until(operation, time.monotonic() + self._patience_s), *args, **kwargs)

    def _until(self, operation: Any, end_s: float) -> Generator[Any, Any, Any]:
        """Run psycopg's operation, which is resumed ten times a second, and give up in the end."""
        try:
            wanted = next(operation)
            while True:
                ready = yield wanted
                if time.monotonic() > end_s:
                    self._made.pgconn.finish()  # nothing else could be asked of it
                    raise self._gone("the server does not answer")
                wanted = operation.send(ready)
        except StopIteration as done:
            return done.value
