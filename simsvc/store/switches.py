"""Which index build was put into service when, and by whom: rows are added, never changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import select

from simsvc.store.audit_append import append
from simsvc.store.database import Database
from simsvc.store.tables import IndexSwitchRow
from simsvc.values import IndexSwitch
from simsvc.values.events import COMMAND, EventKind, NewEvent, actor_of


class SwitchStore:
    """Remembers every switch."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def recording(self, label: str, previous: str | None, by: str | None, now: datetime) -> Iterator[None]:
        """Log a switch together with what is done meanwhile: should that fail, neither happened.

        Raises:
            StoreError: the database cannot be written.
        """
        row = IndexSwitchRow(label=label, previous=previous, switched_by=by, switched_at=now)
        with self._database.transaction() as session:
            session.add(row)
            append(session, _event(row))
            yield

    def latest(self, count: int) -> tuple[IndexSwitch, ...]:
        """Return the latest switches, the newest first.

        Raises:
            StoreError: the database cannot be read.
        """
        query = select(IndexSwitchRow).order_by(IndexSwitchRow.sequence.desc()).limit(count)
        with self._database.reading() as session:
            return tuple(
                IndexSwitch(row.label, row.previous, row.switched_at, row.switched_by)
                for row in session.scalars(query)
            )


def _event(row: IndexSwitchRow) -> NewEvent:
    actor = actor_of(row.switched_by) if row.switched_by else COMMAND
    return NewEvent(EventKind.INDEX_SWITCH, actor, f"index:{row.label}", {"previous": row.previous})
