"""The records that nobody has decided on yet, from one to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select

from simsvc.store.database import SEARCH, Store
from simsvc.store.tables import EstimateRow


@dataclass(frozen=True, slots=True)
class RecordRef:
    """What a link to a record needs."""

    id: str
    number: int


@dataclass(frozen=True, slots=True)
class Neighbouring:
    """The undecided records around a record; None where there is none.

    Attributes:
        previous: the closest older one.
        next: the closest newer one, or the oldest of all, so that a reader who follows it sees every one.
    """

    previous: RecordRef | None
    next: RecordRef | None


class UndecidedStore(Store):
    """Finds undecided records."""

    def neighbouring_undecided(self, number: int) -> Neighbouring:
        """Return the undecided records around the record of a number, without that record."""
        sequence, undecided = EstimateRow.sequence, _undecided()
        older = undecided.where(sequence < number).order_by(sequence.desc())
        newer = undecided.where(sequence > number).order_by(sequence)
        first = undecided.where(sequence != number).order_by(sequence)
        with self._database.reading() as session:
            found = (session.execute(query, execution_options=SEARCH).first() for query in (newer, first))
            following = next((row for row in found if row is not None), None)
            previous = session.execute(older, execution_options=SEARCH).first()
        return Neighbouring(_ref(previous), _ref(following))


def _undecided() -> Select[Any]:
    """Select one undecided record."""
    both: Any = select(EstimateRow.public_id, EstimateRow.sequence)  # Select[Any] holds no pair for mypy
    found: Select[Any] = both.where(EstimateRow.decision.is_(None)).limit(1)
    return found


def _ref(row: Any) -> RecordRef | None:
    return None if row is None else RecordRef(*row)
