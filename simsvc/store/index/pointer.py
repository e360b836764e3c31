"""The index build in service, for all hosts that share the database."""

from __future__ import annotations

from sqlalchemy import String, func, select
from sqlalchemy.orm import Mapped, mapped_column

from simsvc.domain.gallery.manifest import split_label
from simsvc.errors import IndexDamaged, IndexUnusable
from simsvc.store.audit_append import lock_log
from simsvc.store.database import Store
from simsvc.store.index.face_sets import FaceSetRow
from simsvc.store.tables import Table

ONLY = 1
"""Key of the only row."""


class ServedPointerRow(Table):
    """Which build is in service, and how many times that was said."""

    __tablename__ = "served_pointer"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    label: Mapped[str] = mapped_column(String(128))
    number: Mapped[int]


class PointerStore(Store):
    """Reads and changes the pointer."""

    def read(self) -> tuple[str | None, int]:
        """Return the build in service or None, and how many times it was set.

        Raises:
            IndexDamaged: it is no label of a build.
            StoreError: the database cannot be used.
        """
        with self._database.reading() as session:
            row = session.get(ServedPointerRow, ONLY)
        if row is None:
            return None, 0
        try:
            split_label(row.label)
        except IndexUnusable:
            raise IndexDamaged("current") from None
        return row.label, row.number

    def write(self, label: str) -> None:
        """Put a build into service, in the transaction that logs it if there is one.

        Raises:
            BuildNotFound: the label is malformed.
            StoreError: the database cannot be used.
        """
        split_label(label)
        with self._database.joined() as session:
            lock_log(session.connection())  # so that two switches wait for each other
            row = session.get(ServedPointerRow, ONLY)
            if row is None:
                session.add(ServedPointerRow(id=ONLY, label=label, number=1))
            else:
                row.label, row.number = label, row.number + 1
            session.flush()

    def stamps(self) -> tuple[object, object]:
        """Return how many times the pointer was set, and the number of the last face changes: one query.

        Raises:
            StoreError: the database cannot be used.
        """
        with self._database.quick_connection() as connection:
            pointer, journal = connection.execute(_STAMPS).one()
            return pointer, journal


_STAMPS = select(
    select(ServedPointerRow.number).where(ServedPointerRow.id == ONLY).scalar_subquery(),
    select(func.max(FaceSetRow.number)).scalar_subquery(),
)
