"""Verifications of the log: progress while they run, and what they found."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select, update
from sqlalchemy.exc import IntegrityError

from simsvc.errors import StoreError, VerificationRefused
from simsvc.store.audit_append import append
from simsvc.store.database import Store
from simsvc.store.tables import VerificationRow
from simsvc.values.events import Break, Checkpoint, EventKind, LogState, NewEvent, Verification

_NEWEST = select(VerificationRow).order_by(VerificationRow.number.desc()).limit(1)


class VerificationStore(Store):
    """Keeps verifications."""

    def latest(self) -> Verification | None:
        """Return the verification that was started last."""
        return self._one(_NEWEST)

    def latest_found(self) -> Verification | None:
        """Return the last verification that came to a result."""
        return self._one(_NEWEST.where(VerificationRow.found.is_not(None)))

    def find(self, number: int) -> Verification | None:
        """Return the verification of that number."""
        return self._one(select(VerificationRow).where(VerificationRow.number == number))

    def begin(self, number: int, actor: str, now: datetime) -> None:
        """Record that a verification starts; raises VerificationRefused if one of that number has."""
        row = VerificationRow(number=number, started_at=now, started_by=actor, done=0, total=0, seen_at=now)
        try:
            with self._database.transaction() as session:
                session.add(row)
        except StoreError as error:
            if isinstance(error.__cause__, IntegrityError):
                raise VerificationRefused("running") from None
            raise

    def advance(self, number: int, done: int, total: int, now: datetime) -> None:
        """Record the progress."""
        self._change(number, done=done, total=total, seen_at=now)

    def finish(self, number: int, actor: str, found: LogState, now: datetime) -> None:
        """Record the result and log it."""
        values = {"done": found.events, "total": found.events, "seen_at": now, "finished_at": now}
        content = {"intact": found.broken is None, **_said(found)}
        with self._database.transaction() as session:
            which = update(VerificationRow).where(VerificationRow.number == number)
            session.execute(which.values(**values, found=_said(found)))
            append(session, NewEvent(EventKind.VERIFICATION, actor, "log", content))

    def fail(self, number: int, now: datetime) -> None:
        """Record that a verification ended without a result."""
        self._change(number, seen_at=now, finished_at=now)

    def _change(self, number: int, **values: object) -> None:
        with self._database.transaction() as session:
            session.execute(update(VerificationRow).where(VerificationRow.number == number).values(**values))

    def _one(self, query: Select[VerificationRow]) -> Verification | None:
        with self._database.reading() as session:
            row = session.scalar(query)
            return _verification(row) if row else None


def _verification(row: VerificationRow) -> Verification:
    return Verification(
        row.number,
        row.started_at,
        row.started_by,
        row.done,
        row.total,
        row.seen_at,
        row.finished_at,
        _state(row.found) if row.found else None,
    )


def _said(found: LogState) -> dict[str, Any]:
    """Return what is stored: also the first problem by itself, as in rows of older versions."""
    return {**asdict(found), "broken": asdict(found.broken) if found.broken else None}


def _state(found: dict[str, Any]) -> LogState:
    head, broken = found["head"], found["broken"]
    problems = found.get("problems", [broken] if broken else [])
    return LogState(
        found["events"],
        found["erased"],
        Checkpoint(**head) if head else None,
        tuple(Break(**problem) for problem in problems),
        found.get("more", 0),
    )
