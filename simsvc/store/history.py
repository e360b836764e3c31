"""The history: estimates by what they are searched for, with the decision that counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, cast, func, or_, select

from simsvc.store.database import Store
from simsvc.store.decisions import decision_of
from simsvc.store.estimates import recorded_of
from simsvc.store.tables import DecisionRow, EstimateRow
from simsvc.values import DECISION_KINDS, Decision, RecordedEstimate

STATUSES = ("estimated", "withheld", "refused")
DECIDED = ("undecided", *DECISION_KINDS)
PAGE_ROWS = 25
EXPORT_ROWS = 500
"""Rows read at a time, so that an export of any length needs little memory and holds no lock for long."""

ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)
"""Where a condition is not asked for: some instant it must have."""
_LATEST = (
    select(func.max(DecisionRow.number))
    .where(DecisionRow.estimate == EstimateRow.sequence)
    .correlate(EstimateRow)
    .scalar_subquery()
)
SORTS: dict[str, Any] = {
    "newest": EstimateRow.sequence.desc(),
    "oldest": EstimateRow.sequence.asc(),
    "youngest": EstimateRow.age_years.asc().nulls_last(),
    "eldest": EstimateRow.age_years.desc().nulls_last(),
    "case": EstimateRow.case_reference.asc().nulls_last(),
}


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """What a record must be to be listed; an empty field asks nothing.

    Attributes:
        case: part of the case reference.
        since: first day, UTC.
        until: last day, UTC.
        person: public id of who asked or decided.
        status: of `STATUSES`.
        decision: of `DECIDED`, of the decision that counts.
        recorded_since: instant, recorded at it or later.
        recorded_before: instant, recorded earlier.
    """

    case: str = ""
    since: date | None = None
    until: date | None = None
    person: str = ""
    status: str = ""
    flag: str = ""
    model: str = ""
    index: str = ""
    decision: str = ""
    recorded_since: datetime | None = None
    recorded_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A record without its neighbours and crop, and the decision that counts."""

    recorded: RecordedEstimate
    decision: Decision | None


class HistoryStore(Store):
    """Searches what is on record."""

    def page(self, wanted: HistoryFilter, sort: str, page: int) -> tuple[int, list[HistoryRow]]:
        """Return how many records there are, and those of page 1 and up."""
        conditions = _conditions(wanted)
        count = _joined(select(func.count(EstimateRow.sequence))).where(*conditions)
        rows = _rows().where(*conditions).order_by(SORTS[sort], EstimateRow.sequence.desc())
        with self._database.reading() as session:
            total = session.scalar(count) or 0
            found = session.execute(rows.limit(PAGE_ROWS).offset((page - 1) * PAGE_ROWS))
            return total, [_history_row(*row) for row in found]

    def every(self, wanted: HistoryFilter) -> Iterator[HistoryRow]:
        """Give every record, newest first; what is recorded meanwhile is left out."""
        before = None
        while True:
            rows = self.older(wanted, before, EXPORT_ROWS)
            yield from rows
            if len(rows) < EXPORT_ROWS:
                return
            before = rows[-1].recorded.number

    def older(self, wanted: HistoryFilter, before: int | None, count: int) -> list[HistoryRow]:
        """Return up to `count` records, newest first, of lower running numbers than `before`."""
        query = _rows().where(*_conditions(wanted)).order_by(EstimateRow.sequence.desc())
        older = query if before is None else query.where(EstimateRow.sequence < before)
        with self._database.reading() as session:
            return [_history_row(*row) for row in session.execute(older.limit(count))]

    def choices(self) -> tuple[list[str], list[str]]:
        """Return the models and the indexes that records name."""
        with self._database.reading() as session:
            columns = (EstimateRow.model_version, EstimateRow.index_label)
            models, indexes = (
                [name for name in session.scalars(select(column).distinct().order_by(column)) if name]
                for column in columns
            )
            return models, indexes


def _rows() -> Select[Any]:
    both: Any = select(EstimateRow, DecisionRow)  # Select[Any] holds no pair for mypy
    return _joined(both)


def _joined(query: Select[Any]) -> Select[Any]:
    counts = and_(DecisionRow.estimate == EstimateRow.sequence, DecisionRow.number == _LATEST)
    return query.select_from(EstimateRow).outerjoin(DecisionRow, counts)


def _history_row(row: EstimateRow, decided: DecisionRow | None) -> HistoryRow:
    return HistoryRow(recorded_of(row, evidence=False), decision_of(decided) if decided else None)


def _conditions(wanted: HistoryFilter) -> list[ColumnElement[bool]]:
    found: list[tuple[object, ColumnElement[bool]]] = [
        (wanted.case, EstimateRow.case_reference.icontains(wanted.case, autoescape=True)),
        (wanted.since, EstimateRow.created_at >= _midnight(wanted.since)),
        (wanted.until, EstimateRow.created_at < _midnight(wanted.until, 1)),
        (wanted.recorded_since, EstimateRow.created_at >= (wanted.recorded_since or ANY_TIME)),
        (wanted.recorded_before, EstimateRow.created_at < (wanted.recorded_before or ANY_TIME)),
        (wanted.person, or_(EstimateRow.asked_by == wanted.person, DecisionRow.decided_by == wanted.person)),
        (wanted.flag, cast(EstimateRow.flags, String).contains(f'"{wanted.flag}"', autoescape=True)),
        (wanted.model, EstimateRow.model_version == wanted.model),
        (wanted.index, EstimateRow.index_label == wanted.index),
        (wanted.decision, _decided(wanted.decision)),
        (wanted.status, _has_status(wanted.status)),
    ]
    return [condition for asked, condition in found if asked]


def _has_status(status: str) -> ColumnElement[bool]:
    if status == "refused":
        return EstimateRow.status == "refused"
    withheld = EstimateRow.refer_reason.is_not(None)
    return and_(EstimateRow.status == "estimated", withheld if status == "withheld" else ~withheld)


def _decided(decision: str) -> ColumnElement[bool]:
    return DecisionRow.number.is_(None) if decision == "undecided" else DecisionRow.kind == decision


def _midnight(day: date | None, later_days: int = 0) -> datetime:
    return datetime.combine(day or date(2000, 1, 1), time(), UTC) + timedelta(days=later_days)
