"""The log's tree: tiles, signed checkpoints and public keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    LargeBinary,
    Row,
    Select,
    String,
    Text,
    cast,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Mapped, Session, mapped_column

from simsvc.domain.audit.tree.merkle import HASH_BYTES
from simsvc.domain.audit.tree.tiles import WIDTH, TileKey, Tiles, grown
from simsvc.errors import StoreError
from simsvc.store.database import Database, Store
from simsvc.store.tables import EventRow, Table, UtcDateTime
from simsvc.values.audit.log import LogKey, SignedCheckpoint, StoredCheckpoint
from simsvc.values.events import Event

LOCK = 0x5154_5245
"""Any number that nothing else locks in this database: "QTRE". Writers of tiles wait for each other."""


class LogTileRow(Table):
    """A tile of the tree; see `domain.audit.tiles`. Tiles at the right edge are replaced by longer ones."""

    __tablename__ = "log_tiles"

    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hashes: Mapped[bytes] = mapped_column(LargeBinary)


class LogCheckpointRow(Table):
    """A signed checkpoint. Triggers let rows be added, and never changed."""

    __tablename__ = "log_checkpoints"

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    root: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    note: Mapped[str] = mapped_column(Text)


class LogKeyRow(Table):
    """A public key that signs, or signed, checkpoints."""

    __tablename__ = "log_keys"

    key_id: Mapped[str] = mapped_column(String(8), primary_key=True)
    vkey: Mapped[str] = mapped_column(Text)
    since_size: Mapped[int]
    until_size: Mapped[int | None]


class LogTree(Store):
    """Reads and writes the tree. Every method raises StoreError."""

    def __init__(self, database: Database, reading: Connection | None = None) -> None:
        """Use a database; its reads use a connection that is open, or else one of their own each."""
        super().__init__(database)
        self._open = reading

    @contextmanager
    def at_one_instant(self) -> Iterator[LogTree]:
        """Give the same tree, whose reads see one instant and share a connection."""
        with self._database.read_connection() as connection:
            yield LogTree(self._database, connection)

    def _reading(self) -> AbstractContextManager[Connection]:
        return nullcontext(self._open) if self._open is not None else self._database.read_connection()

    def size(self) -> int:
        """Return how many events the tiles hold."""
        with self._reading() as connection:
            return tree_size(connection)

    def events_after(self, seq: int, count: int) -> list[Event]:
        """Return up to `count` events with a higher number, oldest first."""
        with self._reading() as connection:
            try:
                rows = connection.execute(_EVENTS.where(EventRow.seq > seq).limit(count)).all()
            except OperationalError:
                if connection.dialect.name != "sqlite":
                    raise
                rows = connection.execute(_EVENTS_AS_BYTES.where(EventRow.seq > seq).limit(count)).all()
            return [Event(*row) if _ALL_TEXT.issuperset(map(type, row[1:])) else _event(*row) for row in rows]

    def last_seq(self) -> int:
        """Return the number of the last event, or 0."""
        with self._reading() as connection:
            return connection.scalar(select(func.max(EventRow.seq))) or 0

    def add_leaves(self, size: int, leaf_hashes: list[bytes]) -> bool:
        """Add leaves to a tree of `size` leaves, unless another process added some first; say whether it did.

        Raises TileMissing if a tile at the edge is damaged.
        """
        with self._database.write_connection() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
            if tree_size(connection) != size:
                return False
            for key, hashes in grown(size, leaf_hashes, tiles_of(connection)).items():
                _put(connection, key, hashes)
            return True

    def forget_tiles(self) -> None:
        """Delete all tiles, so that they are made anew."""
        with self._database.write_connection() as connection:
            connection.execute(delete(LogTileRow))

    def tile(self, level: int, number: int) -> bytes:
        """Return the hashes of a tile; none if it is missing."""
        with self._reading() as connection:
            return tiles_of(connection)(level, number)

    def newest(self, at_most: int | None = None) -> SignedCheckpoint | None:
        """Return the checkpoint of the largest size, of those up to a size if it is given."""
        query = _CHECKPOINTS.order_by(LogCheckpointRow.size.desc()).limit(1)
        if at_most is not None:
            query = query.where(LogCheckpointRow.size <= at_most)
        with self._reading() as connection:
            row = connection.execute(query).one_or_none()
            return _checkpoint(row) if row else None

    def checkpoint(self, size: int) -> SignedCheckpoint | None:
        """Return the checkpoint of a size."""
        found = self.newest(size)
        return found if found and found.size == size else None

    def newest_first(self) -> Iterator[SignedCheckpoint]:
        """Yield the checkpoints, largest size first."""
        below: int | None = None
        while found := self.newest(below):
            yield found
            below = found.size - 1

    def keep(self, checkpoint: SignedCheckpoint) -> bool:
        """Store a checkpoint, unless there is one of its size; say whether it was stored."""
        row = LogCheckpointRow(
            size=checkpoint.size, root=checkpoint.root, at=checkpoint.at, note=checkpoint.note
        )
        try:
            with self._database.transaction() as session:
                session.add(row)
        except StoreError as error:
            if isinstance(error.__cause__, IntegrityError):
                return False
            raise
        return True

    def log_keys(self) -> tuple[LogKey, ...]:
        """Return the public keys, oldest first."""
        with self._database.reading() as session:
            return keys_of(session)

    def use_key(self, vkey: str, size: int) -> None:
        """Record that a key signs from a checkpoint on, and others no longer; nothing if it does already."""
        with self._database.transaction() as session:
            known = keys_of(session)
            if known and known[-1].vkey == vkey:
                return
            ended = update(LogKeyRow).where(LogKeyRow.until_size.is_(None))
            session.execute(ended.values(until_size=size))
            key = LogKey(vkey, size, None)
            session.merge(LogKeyRow(key_id=key.key_id, vkey=vkey, since_size=size, until_size=None))


def tree_size(connection: Connection) -> int:
    """Return how many events the tiles hold."""
    row = connection.execute(_LAST_LEAVES).one_or_none()
    if row is None or not isinstance(row.number, int) or not isinstance(row.hashes, bytes):
        return 0
    return row.number * WIDTH + len(row.hashes) // HASH_BYTES


def tiles_of(connection: Connection) -> Tiles:
    """Return what reads tiles within a transaction; a missing one is empty."""

    def tile(level: int, number: int) -> bytes:
        query = select(LogTileRow.hashes).where(LogTileRow.level == level, LogTileRow.number == number)
        found = connection.scalar(query)
        return found if isinstance(found, bytes) else b""

    return tile


def checkpoints_of(session: Session, from_size: int = 0) -> Iterator[StoredCheckpoint]:
    """Yield the checkpoints from a size on, smallest first, whatever is stored."""
    query = _STORED.where(LogCheckpointRow.size >= from_size).order_by(LogCheckpointRow.size)
    for row in session.execute(query, execution_options={"yield_per": WIDTH}):
        yield _stored(*row)


def newest_stored(session: Session) -> StoredCheckpoint | None:
    """Return the checkpoint of the largest size, whatever is stored."""
    row = session.execute(_STORED.order_by(LogCheckpointRow.size.desc()).limit(1)).one_or_none()
    return _stored(*row) if row else None


def keys_of(session: Session) -> tuple[LogKey, ...]:
    """Return the public keys, oldest first."""
    rows: Iterable[LogKeyRow] = session.scalars(
        select(LogKeyRow).order_by(LogKeyRow.since_size, LogKeyRow.until_size.is_(None))
    )
    return tuple(LogKey(row.vkey, row.since_size, row.until_size) for row in rows)


def _event(seq: int, *stored: object) -> Event:
    """Return an event of which not all fields are text, with bytes as text that no event can have."""
    texts = (
        value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
        for value in stored
    )
    return Event(seq, *texts)


def _put(connection: Connection, key: TileKey, hashes: bytes) -> None:
    level, number = key
    which = (LogTileRow.level == level, LogTileRow.number == number)
    replaced = connection.execute(update(LogTileRow).where(*which).values(hashes=hashes))
    if not replaced.rowcount:
        connection.execute(insert(LogTileRow), {"level": level, "number": number, "hashes": hashes})


def _stored(size: int, root: object, note: object) -> StoredCheckpoint:
    return StoredCheckpoint(
        size, root if isinstance(root, bytes) else b"", note if isinstance(note, str) else ""
    )


def _checkpoint(row: Row[int, bytes, datetime, str]) -> SignedCheckpoint:
    return SignedCheckpoint(row.size, row.root, row.at, row.note)


_STORED = select(LogCheckpointRow.size, LogCheckpointRow.root, LogCheckpointRow.note)
_CHECKPOINTS = select(
    LogCheckpointRow.size, LogCheckpointRow.root, LogCheckpointRow.at, LogCheckpointRow.note
)
_ALL_TEXT = frozenset({str})
_COLUMNS: Any = EventRow.__table__.c
_EVENTS: Select[Any] = select(*_COLUMNS).order_by(EventRow.seq)
_EVENTS_AS_BYTES: Select[Any] = select(
    _COLUMNS.seq, *(cast(column, LargeBinary) for column in _COLUMNS if column.name != "seq")
).order_by(EventRow.seq)
"""SQLite may hold text that is no Unicode."""
_LAST_LEAVES = (
    select(LogTileRow.number, LogTileRow.hashes)
    .where(LogTileRow.level == 0)
    .order_by(LogTileRow.number.desc())
    .limit(1)
)
