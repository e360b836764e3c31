"""Several estimates on record in one transaction: all of them, or none."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, select

from simsvc.ports import Cipher, Recorder
from simsvc.store.database import Database
from simsvc.store.estimates import add
from simsvc.store.new_estimate import NewRows
from simsvc.store.tables import ErasedEstimateRow, EstimateRow
from simsvc.values import Estimate, RecordedEstimate


class TogetherStore:
    """Puts estimates on record by batches."""

    def __init__(self, database: Database, cipher: Cipher | None = None) -> None:
        """Keep estimates in the database, and photos encrypted by the cipher: none of them without one."""
        self._database = database
        self._cipher = cipher

    @contextmanager
    def together(self) -> Iterator[Recorder]:
        """Give a recorder whose estimates go on record when the block ends, each as if it came alone.

        Raises:
            StoreError: the database cannot be written; nothing of the block is on record.
        """
        with self._database.write_connection() as connection:
            yield _Joined(connection, self._cipher)

    def have(self, records: Collection[str]) -> bool:
        """Say whether all of these public ids are or were on record.

        Raises:
            StoreError: the database cannot be read.
        """
        with self._database.reading() as session:
            kept = select(EstimateRow.public_id).where(EstimateRow.public_id.in_(list(records)))
            gone = select(ErasedEstimateRow.public_id).where(ErasedEstimateRow.public_id.in_(list(records)))
            return {*session.scalars(kept), *session.scalars(gone)} == set(records)


class _Joined:
    """Recorder port: everything goes into the transaction that is under way; its owner commits it."""

    def __init__(self, connection: Connection, cipher: Cipher | None) -> None:
        self._connection, self._cipher = connection, cipher

    def record(self, estimate: Estimate) -> RecordedEstimate:
        """Add the estimate to the transaction and return it as recorded."""
        new = NewRows.of(estimate, self._cipher)
        number = add(self._connection, new)
        return RecordedEstimate(new.public_id, number, new.created_at, estimate)
