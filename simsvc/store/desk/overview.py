"""Figures of periods for the overview, of all records whoever asks, each read from an index alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select, text

from simsvc.store.database import Store
from simsvc.store.desk.history import constant
from simsvc.store.desk.periods import Answers, Period
from simsvc.store.tables import DecisionRow, EstimateRow

_SIZE = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    "postgresql": "SELECT pg_database_size(current_database())",
}


@dataclass(frozen=True, slots=True)
class Volume:
    """What was recorded in a period, and decided in it.

    Attributes:
        outside: declared age outside the range.
        unreliable: estimated, but unreliable.
        refused: no result.
        mean_age_years: of the estimates, or None without one.
        referred: decisions to send a record for review.
        overridden: decisions that a declared age is not plausible.
    """

    estimates: int
    outside: int
    unreliable: int
    refused: int
    mean_age_years: float | None
    referred: int
    overridden: int


class OverviewStore(Store):
    """Reads figures."""

    def volumes(self, periods: Sequence[Period]) -> list[Volume]:
        """Return the figures of each period."""
        with self._database.reading() as session:
            return [Volume(*session.execute(_figures(period)).one()) for period in periods]

    def answers(self, period: Period, most: int) -> Answers:
        """Return the newest answers of a period, with the outcomes of `store.derived`."""
        row = EstimateRow
        newest = select(row.age_years, row.outcome).where(*_within(row.created_at, period))
        with self._database.reading() as session:
            found = session.execute(newest.order_by(row.created_at.desc()).limit(most)).all()
        ages = tuple(age for age, _ in found if age is not None)
        return Answers(ages, tuple(str(outcome) for _, outcome in found))

    def database_bytes(self) -> int:
        """Return the size of the database."""
        with self._database.reading() as session:
            return int(session.scalar(text(_SIZE[session.get_bind().dialect.name])) or 0)


def _within(instant: Any, period: Period) -> tuple[Any, Any]:
    return instant >= period.since, instant < period.before


def _figures(period: Period) -> Select[Any]:
    """Select the fields of a `Volume`; each is a range of one index."""
    row, made = EstimateRow, DecisionRow
    inside, decided = _within(row.created_at, period), _within(made.created_at, period)

    def count(*which: Any) -> Any:
        return select(func.count()).select_from(row).where(*which, *inside).scalar_subquery()

    def decisions(kind: str) -> Any:
        return select(func.count()).where(made.kind == kind, *decided).scalar_subquery()

    return select(
        count(),
        count(row.verdict == constant("outside")),
        count(row.outcome == constant("withheld")),
        count(row.outcome == constant("refused")),
        select(func.avg(row.age_years)).where(*inside).scalar_subquery(),
        decisions("refer"),
        decisions("override"),
    )
