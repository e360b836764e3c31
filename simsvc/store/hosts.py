"""The hosts that share a database, as each says of itself every few seconds."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import String, and_, case, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from simsvc.store.database import Store
from simsvc.store.tables import Table, UtcDateTime
from simsvc.values.hosts import Host, Met

LIVE = timedelta(seconds=30)
"""How long a host counts as live after it was last seen: three times as long as it takes to say so again."""
FORGOTTEN = timedelta(days=1)


class HostRow(Table):
    """A host; all of its processes share the row."""

    __tablename__ = "hosts"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    version: Mapped[str] = mapped_column(String(32))
    schema: Mapped[str] = mapped_column(String(16))
    model_sha256: Mapped[str | None] = mapped_column(String(64))
    key_digest: Mapped[str] = mapped_column(String(16))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """Since when it has been live as it is now; a change makes it a new one."""
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


FACTS = ("name", "version", "schema", "model_sha256", "key_digest")


class HostStore(Store):
    """Only for PostgreSQL, by whose clock hosts are live or not."""

    def meet(self, me: Host) -> Met:
        """Put on record that a host is live, and return which live ones were there before it.

        Raises StoreError if the database cannot be used.
        """
        facts = {name: getattr(me, name) for name in FACTS}
        now = func.clock_timestamp()
        row = insert(HostRow).values(id=me.id, **facts, started_at=now, seen_at=now)
        same = and_(*(getattr(HostRow, name).is_not_distinct_from(facts[name]) for name in FACTS))
        stays = and_(same, HostRow.seen_at > now - LIVE)
        started_at = case((stays, HostRow.started_at), else_=now)
        row = row.on_conflict_do_update(
            index_elements=["id"], set_={**facts, "started_at": started_at, "seen_at": now}
        )
        with self._database.transaction() as session:
            since = session.scalar(row.returning(HostRow.started_at))
            session.execute(delete(HostRow).where(HostRow.seen_at < now - FORGOTTEN))
            before = or_(HostRow.started_at < since, and_(HostRow.started_at == since, HostRow.id < me.id))
            live = select(HostRow).where(HostRow.id != me.id, HostRow.seen_at > now - LIVE, before)
            rows = session.scalars(live.order_by(HostRow.started_at, HostRow.id)).all()
            found = tuple(Host(row.id, *(getattr(row, name) for name in FACTS)) for row in rows)
        with self._database.quick_connection() as connection:  # last: the turn above may have been waited for
            return Met(found, connection.execute(select(func.clock_timestamp())).scalar_one())

    def leave(self, host_id: str) -> None:
        """Put on record that a host is no longer live; raises StoreError."""
        with self._database.transaction() as session:
            session.execute(delete(HostRow).where(HostRow.id == host_id))

    def all(self) -> tuple[tuple[Host, datetime], ...]:
        """Return the hosts of the last day and when each was last seen, by name; raises StoreError."""
        with self._database.reading() as session:
            rows = session.scalars(select(HostRow).order_by(HostRow.name, HostRow.id)).all()
            return tuple((Host(row.id, *(getattr(row, name) for name in FACTS)), row.seen_at) for row in rows)
