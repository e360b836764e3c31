"""Photos that are kept: encrypted, found by their estimate, deleted when their time is over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, delete, func, select
from sqlalchemy.orm import Session

from simsvc.errors import PhotoLocked
from simsvc.ports import Cipher
from simsvc.store.audit_append import append
from simsvc.store.database import Database
from simsvc.store.scrubbing import note_remains
from simsvc.store.tables import EstimateRow, PhotoRow
from simsvc.values.events import EventKind, NewEvent

Progress = Callable[[int, int], None]


class PhotoStore:
    """Reads and deletes what `EstimateStore.record` keeps."""

    def __init__(self, database: Database, cipher: Cipher | None) -> None:
        self._database = database
        self._cipher = cipher

    def find(self, public_id: str) -> bytes | None:
        """Return the photo of an estimate, if kept; raises PhotoLocked if no key at hand opens it."""
        query = select(PhotoRow.token).join(EstimateRow, EstimateRow.sequence == PhotoRow.estimate)
        with self._database.reading() as session:
            token = session.scalar(query.where(EstimateRow.public_id == public_id))
        return None if token is None else self._opened().decrypt(token)

    def has(self, public_id: str) -> bool:
        """Return whether the photo of an estimate is kept."""
        query = select(PhotoRow.estimate).join(EstimateRow, EstimateRow.sequence == PhotoRow.estimate)
        with self._database.reading() as session:
            return session.scalar(query.where(EstimateRow.public_id == public_id)) is not None

    def purge(self, before: datetime, actor: str, now: datetime) -> int:
        """Delete every photo kept before a moment, log that where there were any, and return how many."""
        with self._database.transaction() as session:
            deleted = session.execute(delete(PhotoRow).where(PhotoRow.kept_at < before))
            count = cast("CursorResult[Any]", deleted).rowcount
            if count:
                content = {"what": "purge", "photos": count, "kept_before": before.isoformat()}
                self._log(session, actor, content, now)
        return count

    def rotate(self, actor: str, progress: Progress, now: datetime) -> tuple[int, int]:
        """Encrypt every kept photo with the first key, one transaction each, and log that.

        Return how many photos were encrypted anew, and how many no key opens. Raises PhotoLocked without any
        key, and StoreError, after which what was done stays done, and again is safe.
        """
        cipher, locked = self._opened(), 0
        with self._database.reading() as session:
            kept = list(session.scalars(select(PhotoRow.estimate).order_by(PhotoRow.estimate)))
        for done, estimate in enumerate(kept, 1):
            locked += not self._rotate(estimate, cipher)
            progress(done, len(kept))
        content = {"what": "rotate", "photos": len(kept) - locked, "locked": locked}
        with self._database.transaction() as session:
            self._log(session, actor, content, now)
        return len(kept) - locked, locked

    def count(self) -> int:
        """Return how many photos are kept."""
        with self._database.reading() as session:
            return session.scalar(select(func.count()).select_from(PhotoRow)) or 0

    def _log(self, session: Session, actor: str, content: dict[str, Any], now: datetime) -> None:
        event = append(session, NewEvent(EventKind.RETENTION, actor, "photos", content))
        note_remains(session, event.seq, ("photos",), now)

    def _rotate(self, estimate: int, cipher: Cipher) -> bool:
        with self._database.transaction() as session:
            row = session.get(PhotoRow, estimate)
            if row is None:
                return True  # purged or erased meanwhile
            try:
                row.token = cipher.rotate(row.token)
            except PhotoLocked:
                return False
            return True

    def _opened(self) -> Cipher:
        if self._cipher is None:
            raise PhotoLocked("no_key")
        return self._cipher
