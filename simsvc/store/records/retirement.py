"""What commands that keep, retire and replay ask the database, and what they log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select

from simsvc.store.audit_append import append
from simsvc.store.database import Store
from simsvc.store.tables import BuildRow, EstimateRow, EventRow
from simsvc.values.events import EventKind, NewEvent


@dataclass(frozen=True, slots=True)
class Retired:
    """When something was retired, UTC, and by which actor."""

    at: datetime
    actor: str


class KeepingStore(Store):
    """Who refers to which model and index build."""

    def log_replay(self, actor: str, public_id: str, outcome: dict[str, object]) -> None:
        """Log that an estimate was made again, and what came out."""
        with self._database.transaction() as session:
            append(session, NewEvent(EventKind.REPLAY, actor, f"estimate:{public_id}", outcome))

    def manifest_sha256(self, label: str) -> str | None:
        """Return the sha256 that an index build's manifest.json had when it was put on record."""
        query = select(BuildRow.manifest_sha256).where(BuildRow.label == label)
        with self._database.reading() as session:
            return session.scalar(query)

    def made_with_build(self, label: str) -> int:
        """Return how many estimates were made with an index build."""
        return self._count(EstimateRow.index_label == label)

    def made_with_model(self, bundle_sha256: str, model_sha256: str) -> int:
        """Return how many estimates were made with a model; older records name its weights only."""
        older = EstimateRow.bundle_sha256.is_(None) & (EstimateRow.model_sha256 == model_sha256)
        return self._count(or_(EstimateRow.bundle_sha256 == bundle_sha256, older))

    def retiring(self, subject: str, content: dict[str, object], actor: str, act: Callable[[], None]) -> None:
        """Log a retirement together with what `act` does: should either fail, neither happened."""
        with self._database.transaction() as session:
            append(session, NewEvent(EventKind.RETIREMENT, actor, subject, content))
            act()

    def retirements(self, prefix: str) -> dict[str, Retired]:
        """Return when and by whom subjects such as "index:..." were retired, the last time each."""
        query = select(EventRow.subject, EventRow.at, EventRow.actor).order_by(EventRow.seq)
        retired = query.where(EventRow.kind == str(EventKind.RETIREMENT), EventRow.subject.startswith(prefix))
        with self._database.reading() as session:
            return {
                subject.removeprefix(prefix): Retired(datetime.fromisoformat(at), actor)
                for subject, at, actor in session.execute(retired)
            }

    def _count(self, condition: ColumnElement[bool]) -> int:
        query = select(func.count(EstimateRow.sequence)).where(condition)
        with self._database.reading() as session:
            return session.scalar(query) or 0
