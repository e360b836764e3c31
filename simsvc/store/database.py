"""The connection to the database, and the one transaction a unit of work gets."""

from __future__ import annotations

import copy
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, select, text
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError, SQLAlchemyError
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.sql.base import ExecutableOption

from simsvc.errors import StoreError, StoreNotMigrated
from simsvc.store import postgres
from simsvc.store.tables import EstimateRow
from simsvc.values.events import NewEvent

BUSY_TIMEOUT_MS = 15_000
"""How long a writer of SQLite waits for the others. Ours: writes take milliseconds, but SQLite does not queue
those who wait, so that one of many may wait longer; a request has 60 s."""
WAL_PAGES = 4_000
"""Pages in SQLite's write-ahead log from which on it is folded in: 16 MB. Ours: a record writes some 45, over
half of them of indexes, which the next records write again; folded in at SQLite's own 1,000, a record takes
6% more processor time and 13% longer, measured over 1,500 records."""
STATEMENT_TIMEOUT_MS = 15_000
"""How long a statement of PostgreSQL may take, waiting for others included; for the same reason."""
POOL_SIZE = 5
"""Connections of one process to PostgreSQL: one for each of gunicorn's four threads, and one to spare."""
_BEGIN, _WAIT_MS = "simsvc_begin", "simsvc_wait_ms"
READING: Mapping[str, Any] = {_BEGIN: "BEGIN", "postgresql_readonly": True}
"""Execution options of a connection that only reads: it waits for no writer, and no writer for it."""
_SNAPSHOT = {"postgresql": {"isolation_level": "REPEATABLE READ"}}
"""What it takes beside that so that all of its statements see the same instant, as they do on SQLite."""
_QUICK = {"postgresql": {"isolation_level": "AUTOCOMMIT"}}
"""What it takes so that a single query is one round trip, without those that begin and end a transaction."""

SEARCH: Mapping[str, Any] = {"simsvc_search": True}
"""Execution options of a query that looks through many records: limits may choose a faster condition."""
Limit = ExecutableOption | Callable[[ORMExecuteState], ExecutableOption]
"""An option that is added to every query, or what returns it for a query."""
InTransaction = Callable[[Session, str], NewEvent | None]
"""Writes what must be on record together with a record or not at all, given the id of the record; what it
returns is logged after the record."""

_shared: ContextVar[tuple[URL | None, Session | None]] = ContextVar("shared", default=(None, None))
"""The transaction that other stores may join, and of which database."""


class Database:
    """An engine and its transactions. Opens no connection before the first transaction.

    Every transaction raises StoreNotMigrated where tables are missing, and StoreError where the database
    cannot be used; then nothing of it was written.
    """

    def __init__(
        self,
        url: str,
        pool_size: int = POOL_SIZE,
        statement_timeout_ms: int = STATEMENT_TIMEOUT_MS,
        host: str = "",
    ) -> None:
        self.host = host
        """Name of this host, or "" if no other one shares the database."""
        self.engine = open_engine(url, pool_size, statement_timeout_ms)
        snapshot = _SNAPSHOT.get(self.engine.dialect.name, {})
        self._reader = self.engine.execution_options(**READING, **snapshot)
        self._quick = self.engine.execution_options(**_QUICK.get(self.engine.dialect.name, READING))
        self._limits: tuple[Limit, ...] = ()

    def limited(self, *limits: Limit) -> Database:
        """Return the same database, these options added to every query of its sessions.

        Bare connections have no limits: they are for inserts, and for tables without records.
        """
        database = copy.copy(self)
        database._limits = limits
        return database

    def unlimited(self) -> Database:
        """Return the same database without limits, for what concerns all records, such as erasures."""
        return self.limited()

    def transaction(self) -> AbstractContextManager[Session]:
        """Give a session that may write, commits at the end, and rolls back on any error.

        On SQLite it is the only one that writes from its beginning on, so that what it reads stays true until
        it commits.
        """
        return _session(self.engine, self._limits)

    @contextmanager
    def shared_transaction(self) -> Iterator[Session]:
        """Give what `transaction` does; until it ends, `joined` gives the same session to this thread."""
        with self.transaction() as session:
            token = _shared.set((self.engine.url, session))
            try:
                yield session
            finally:
                _shared.reset(token)

    def joined(self) -> AbstractContextManager[Session]:
        """Give the session of the thread's `shared_transaction` of this database, or one of its own."""
        url, session = _shared.get()
        return nullcontext(session) if session is not None and url == self.engine.url else self.transaction()

    @property
    def is_shared(self) -> bool:
        """Whether several hosts may use the database, so that it decides what files decide on one."""
        return self.engine.dialect.name == "postgresql"

    def write_connection(self) -> AbstractContextManager[Connection]:
        """Give the connection of a transaction that may write, without a session, for busy inserts."""
        return _connected(self.engine)

    def reading(self) -> AbstractContextManager[Session]:
        """Give a session that only reads, sees one instant throughout, and waits for nobody."""
        return _session(self._reader, self._limits)

    def read_connection(self) -> AbstractContextManager[Connection]:
        """Give the connection of a transaction that only reads, without a session, for busy queries."""
        return _connected(self._reader)

    def quick_connection(self) -> AbstractContextManager[Connection]:
        """Give a connection for a single query that every request makes."""
        return _connected(self._quick)

    @contextmanager
    def own_connection(self) -> Iterator[Connection]:
        """Give a connection that nothing else gets, without a transaction, closed at the end."""
        try:
            connection = self._quick.connect()
            connection.detach()
        except SQLAlchemyError as error:
            raise _typed(error) from error
        try:
            yield connection
        finally:
            with suppress(SQLAlchemyError):  # it may be lost already
                connection.close()

    def check(self) -> None:
        """Ask the estimates table for nothing, to see that it answers."""
        with self.reading() as session:
            session.execute(select(EstimateRow.sequence).limit(1))

    @contextmanager
    def hurried(self, wait_ms: int = 0) -> Iterator[Session]:
        """Give a session that may write; raises StoreError if another one writes longer than `wait_ms`."""
        with _session(self.engine.execution_options(**{_WAIT_MS: wait_ms}), self._limits) as session:
            if self.engine.dialect.name == "postgresql":
                session.execute(text(f"SET LOCAL lock_timeout = {max(1, wait_ms)}"))
            yield session

    def fold_in(self, patience_s: float) -> bool:
        """Fold SQLite's write-ahead log into the database and empty it; say whether no reader held that up.

        Raises sqlite3.Error if the files cannot be written.
        """
        with closing(self.engine.raw_connection()) as connection:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout={int(patience_s * 1000)}")
            try:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                found = cursor.fetchone()
            finally:
                cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        return found is not None and found[0] == 0

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


class Store:
    """Base of what reads and writes a part of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database


def open_engine(
    url: str, pool_size: int = POOL_SIZE, statement_timeout_ms: int = STATEMENT_TIMEOUT_MS
) -> Engine:
    """Return an engine; a SQLite file gets its folder, WAL, a busy timeout and enforced foreign keys.

    Args:
        url: as SQLAlchemy writes it; "postgresql://..." is read with psycopg 3.
        pool_size: connections that are kept open to PostgreSQL; as many again are opened when all are busy.
        statement_timeout_ms: after which PostgreSQL ends a statement.

    Raises StoreError if the URL names no database that can be opened here.
    """
    try:
        parsed = _with_driver(make_url(url))
        if parsed.get_backend_name() == "postgresql":
            return postgres.open_engine(parsed, pool_size, statement_timeout_ms)
        if file := _file_of(parsed):
            _make_folder(file.parent)
        engine = create_engine(parsed, hide_parameters=True)  # a file needs no ping: it does not go away
    except (ArgumentError, ImportError, SQLAlchemyError, ValueError) as error:
        raise StoreError("unopened") from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError("folder", folder=folder.name, problem=str(error.strerror)) from error


def sqlite_file(url: str) -> Path | None:
    """Return the file of an SQLite database, or None for any other, and for a URL that cannot be read."""
    try:
        return _file_of(make_url(url))
    except (ArgumentError, ValueError):  # told when the database is opened
        return None


def _file_of(url: URL) -> Path | None:
    is_file = url.get_backend_name() == "sqlite" and url.database not in {None, "", ":memory:"}
    return Path(str(url.database)) if is_file else None


def without_password(url: str) -> str:
    """Return an address with *** in the place of its password; nothing of one that cannot be read."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):  # a port that is no number
        return "***"


@contextmanager
def _session(engine: Engine, limits: tuple[Limit, ...] = ()) -> Iterator[Session]:
    try:
        with Session(engine, expire_on_commit=False) as session, session.begin():
            if limits:
                _limit(session, limits)
            yield session
    except SQLAlchemyError as error:
        raise _typed(error) from error


def _limit(session: Session, limits: tuple[Limit, ...]) -> None:
    def add_limits(state: ORMExecuteState) -> None:
        if state.is_select and not state.is_column_load and not state.is_relationship_load:
            found = (limit(state) if callable(limit) else limit for limit in limits)
            state.statement = state.statement.options(*found)

    event.listen(session, "do_orm_execute", add_limits)


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise _typed(error) from error


def _with_driver(url: URL) -> URL:
    """Return the URL with the one PostgreSQL driver that simsvc is tested with, where it names none."""
    plain = url.drivername in {"postgresql", "postgres"}
    return url.set(drivername="postgresql+psycopg") if plain else url


def _prepare_sqlite(connection: Any, _record: object) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.isolation_level = None  # or else Python begins transactions late, and never immediate ones
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")  # first: the others may have to wait already
    # FULL: what is answered stays; secure_delete: what is erased is overwritten
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES}")


def _begin_sqlite(connection: Connection) -> None:
    """Begin as a writer unless told otherwise: a reader that turns writer fails where another one wrote."""
    options = connection.get_execution_options()
    sql = options.get(_BEGIN, "BEGIN IMMEDIATE")
    if _WAIT_MS not in options:
        connection.exec_driver_sql(sql)
        return
    connection.exec_driver_sql(f"PRAGMA busy_timeout={options[_WAIT_MS]}")
    try:
        connection.exec_driver_sql(sql)
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")


def _typed(error: SQLAlchemyError) -> StoreError:
    text = str(error)
    missing = isinstance(error, (OperationalError, ProgrammingError)) and any(
        sign in text for sign in ("no such table", "no such column", "UndefinedTable", "UndefinedColumn")
    )
    if missing:
        return StoreNotMigrated("tables")
    if "database is locked" in text:
        return StoreError("busy")
    if "disk is full" in text:
        return StoreError("full")
    if "readonly database" in text or "unable to open database file" in text:
        return StoreError("read_only")
    return StoreError("unusable")
