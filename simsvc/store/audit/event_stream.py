"""How far the log was streamed to the other system, and which process streams it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, String, insert, or_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from simsvc.store.database import Store
from simsvc.store.tables import Table, UtcDateTime

LEASE = timedelta(seconds=90)
"""How long a process may take to send a batch before another one takes over: longer than all timeouts."""
PROBLEM_CHARACTERS = 255
STREAM = 1
"""Number of the only row."""


class EventStreamRow(Table):
    """The position of the stream, in one row."""

    __tablename__ = "event_stream"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int]
    """Number of the last event that was delivered; 0 before the first."""
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    holder: Mapped[str | None] = mapped_column(String(64))
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failures: Mapped[int]
    """Failed attempts since the last delivery."""
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    problem: Mapped[str | None] = mapped_column(String(PROBLEM_CHARACTERS))


@dataclass(frozen=True, slots=True)
class StreamState:
    """How far the stream is.

    Attributes:
        position: number of the last event that was delivered; 0 before the first.
        delivered_at: when, or None.
        failures: failed attempts since then.
        next_at: when the next attempt is due, after a failure.
        problem: why the last attempt failed.
    """

    position: int = 0
    delivered_at: datetime | None = None
    failures: int = 0
    next_at: datetime | None = None
    problem: str | None = None


class EventStreamStore(Store):
    """Keeps the position. Every method raises StoreError."""

    def state(self) -> StreamState:
        """Return how far the stream is."""
        with self._database.reading() as session:
            row = session.get(EventStreamRow, STREAM)
            return _state(row) if row else StreamState()

    def claim(self, holder: str, now: datetime) -> StreamState | None:
        """Return the position to continue from, or None if another process is sending.

        Who holds a lease that lasts for long enough writes nothing.
        """
        if held := self._held(holder, now):
            return held
        free = or_(
            EventStreamRow.holder.is_(None),
            EventStreamRow.holder == holder,
            EventStreamRow.leased_until < now,
            EventStreamRow.leased_until > now + LEASE,  # by a clock that was set back since
        )
        taken = update(EventStreamRow).where(EventStreamRow.number == STREAM, free)
        with self._database.transaction() as session:
            if session.get(EventStreamRow, STREAM) is None:
                try:
                    with session.begin_nested():
                        session.execute(insert(EventStreamRow).values(number=STREAM, position=0, failures=0))
                except IntegrityError:
                    return None  # another process was first
            changed = session.execute(taken.values(holder=holder, leased_until=now + LEASE))
            if not cast("CursorResult[Any]", changed).rowcount:
                return None
            row = session.get(EventStreamRow, STREAM, populate_existing=True)
            return _state(row) if row else None

    def _held(self, holder: str, now: datetime) -> StreamState | None:
        with self._database.reading() as session:
            row = session.get(EventStreamRow, STREAM)
            if row is None or row.holder != holder or row.leased_until is None:
                return None
            return _state(row) if LEASE / 2 < row.leased_until - now <= LEASE else None

    def advance(self, holder: str, position: int, now: datetime) -> bool:
        """Note that events up to a number were delivered; False if another process took over meanwhile."""
        return self._change(
            holder,
            position=position,
            delivered_at=now,
            leased_until=now + LEASE,
            failures=0,
            next_at=None,
            problem=None,
        )

    def postpone(self, holder: str, problem: str, failures: int, next_at: datetime) -> None:
        """Note a failed attempt, and let any process try again later."""
        said = problem[:PROBLEM_CHARACTERS]
        self._change(holder, problem=said, failures=failures, next_at=next_at, **_FREE)

    def release(self, holder: str) -> None:
        """Let another process continue at once."""
        self._change(holder, **_FREE)

    def resend_from(self, seq: int) -> None:
        """Continue with the event of this number, for a receiver that lost what it had."""
        with self._database.transaction() as session:
            values = {"position": seq - 1, "failures": 0, "next_at": None, "holder": None}
            session.execute(update(EventStreamRow).where(EventStreamRow.number == STREAM).values(**values))

    def _change(self, by: str, **values: Any) -> bool:
        mine = update(EventStreamRow).where(EventStreamRow.number == STREAM, EventStreamRow.holder == by)
        with self._database.transaction() as session:
            return bool(cast("CursorResult[Any]", session.execute(mine.values(**values))).rowcount)


_FREE: dict[str, Any] = {"holder": None, "leased_until": None}


def _state(row: EventStreamRow) -> StreamState:
    return StreamState(row.position, row.delivered_at, row.failures, row.next_at, row.problem)
