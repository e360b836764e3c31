"""Cosignatures of witnesses on checkpoints."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text, func, select
from sqlalchemy.orm import Mapped, mapped_column

from simsvc.store.database import Store
from simsvc.store.tables import Table, UtcDateTime


class CosignatureRow(Table):
    """A verified cosignature. Rows are added, or replaced by a later one of the same witness and size."""

    __tablename__ = "log_cosignatures"

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Tree size of the checkpoint."""
    witness: Mapped[str] = mapped_column(String(255), primary_key=True)
    """Key name of the witness."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    """Time in the cosignature."""
    line: Mapped[str] = mapped_column(Text)
    """The signature line of the note, without its line feed."""


class CosignatureStore(Store):
    """Keeps cosignatures. Every method raises StoreError."""

    def keep(self, size: int, witness: str, at: datetime, line: str) -> None:
        """Keep a cosignature on the checkpoint of a size."""
        with self._database.transaction() as session:
            session.merge(CosignatureRow(size=size, witness=witness, at=at, line=line))

    def newest_size(self) -> int | None:
        """Return the size of the largest checkpoint that a witness signed."""
        with self._database.reading() as session:
            return session.scalar(select(func.max(CosignatureRow.size)))

    def lines(self, size: int) -> tuple[str, ...]:
        """Return the signature lines of witnesses on a checkpoint, to append to its note."""
        query = select(CosignatureRow.line).where(CosignatureRow.size == size)
        with self._database.reading() as session:
            return tuple(session.scalars(query.order_by(CosignatureRow.witness)))
