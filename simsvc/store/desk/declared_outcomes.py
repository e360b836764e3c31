"""Outcomes of records by declared age, for comparing age bands."""

from __future__ import annotations

from sqlalchemy import select

from simsvc.domain.desk.declared import age_on
from simsvc.domain.model.shares import Outcome
from simsvc.store.database import Store
from simsvc.store.desk.periods import MOST_ESTIMATES, Period
from simsvc.store.tables import EstimateRow


class DeclaredOutcomeStore(Store):
    """Reads what became of photos whose applicant's birth date is known."""

    def of(self, period: Period) -> list[tuple[int, Outcome]]:
        """Return declared age and outcome of each record of a period, of the newest `MOST_ESTIMATES`."""
        query = (
            select(
                EstimateRow.birth_date,
                EstimateRow.photo_date,
                EstimateRow.created_at,
                EstimateRow.status,
                EstimateRow.refer_reason.is_not(None),
            )
            .where(EstimateRow.created_at >= period.since, EstimateRow.created_at < period.before)
            .where(EstimateRow.birth_date.is_not(None))
            .order_by(EstimateRow.sequence.desc())
            .limit(MOST_ESTIMATES)
        )
        with self._database.reading() as session:
            return [
                (age_on(born, taken or recorded.date()), _outcome(status, refer))
                for born, taken, recorded, status, refer in session.execute(query)
                if born is not None
            ]


def _outcome(status: str, refer: bool) -> Outcome:
    if status == "refused":
        return "refused"
    return "unreliable" if refer else "estimated"
