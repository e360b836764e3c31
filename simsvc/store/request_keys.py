"""Idempotency keys: which record a request made, so that the same request sent again makes none.

Source: IETF, draft-ietf-httpapi-idempotency-key-header.
A key is written in the transaction of the record that it stands for: after a crash there are both or neither,
and of two rivals only one gets through.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import String
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from simsvc.errors import KeyReused, KeyTaken
from simsvc.store.database import Database
from simsvc.store.tables import Table, UtcDateTime
from simsvc.values.access.requests import RequestKey


class RequestKeyRow(Table):
    """That a token's request with this key made this record."""

    __tablename__ = "request_keys"

    token: Mapped[str] = mapped_column(String(12), primary_key=True)
    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    """Which photo of the request, from 0."""
    request_sha256: Mapped[str] = mapped_column(String(64))
    result: Mapped[str] = mapped_column(String(64), index=True)
    """Public id of the estimate, or "<estimate>/<number>" of a decision. No foreign key: it may be erased."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RequestKeyStore:
    """Keeps idempotency keys."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def result(self, key: RequestKey, position: int = 0) -> str | None:
        """Return what the request made before, if anything; raises KeyReused if it was another request."""
        with self._database.reading() as session:
            row = session.get(RequestKeyRow, (key.token, key.key, position))
        if row is not None and row.request_sha256 != key.request_sha256:
            raise KeyReused()
        return row.result if row else None

    def note(self, session: Session, key: RequestKey, position: int, result: str) -> None:
        """Write a key in its result's transaction; raises KeyTaken, to undo it, if another was faster."""
        session.add(RequestKeyRow(**asdict(key), position=position, result=result, created_at=self._now()))
        try:
            session.flush()
        except IntegrityError:
            raise KeyTaken("request") from None
