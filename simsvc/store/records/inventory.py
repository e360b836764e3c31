"""Which models and index builds records name, how often, and from when to when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, func, select

from simsvc.store.database import Store
from simsvc.store.tables import BuildRow, EstimateRow, IndexSwitchRow


@dataclass(frozen=True, slots=True)
class Use:
    """How a model, by version, or a build, by label, was used; from its first to its latest record, UTC."""

    version: str
    estimates: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Service:
    """That a build was in service: from `since` until `until`, or until now where that is None; UTC."""

    since: datetime
    until: datetime | None


class InventoryStore(Store):
    """Reads what was in use."""

    def models(self) -> dict[str, Use]:
        """Return how each model was used, by sha256."""
        return self._uses(EstimateRow.model_sha256, func.max(EstimateRow.model_version))

    def builds(self) -> dict[str, Use]:
        """Return how each index build was used, by label."""
        return self._uses(EstimateRow.index_label, EstimateRow.index_label)

    def recorded_builds(self) -> dict[str, BuildRow]:
        """Return the row of each build on record, by label."""
        with self._database.reading() as session:
            return {row.label: row for row in session.scalars(select(BuildRow))}

    def services(self) -> dict[str, list[Service]]:
        """Return when each build was in service, oldest first, by label."""
        query = select(IndexSwitchRow).order_by(IndexSwitchRow.sequence)
        with self._database.reading() as session:
            switches = session.scalars(query).all()
        ends = [*(switch.switched_at for switch in switches[1:]), None]
        found: dict[str, list[Service]] = {}
        for switch, until in zip(switches, ends, strict=False):
            found.setdefault(switch.label, []).append(Service(switch.switched_at, until))
        return found

    def _uses(self, key: Any, version: ColumnElement[Any] | Any) -> dict[str, Use]:
        first, last = func.min(EstimateRow.created_at), func.max(EstimateRow.created_at)
        query = (
            select(key, version, func.count(EstimateRow.sequence), first, last)
            .where(key.is_not(None))
            .group_by(key)
        )
        with self._database.reading() as session:
            return {str(row[0]): Use(*cast("Any", row[1:])) for row in session.execute(query)}
