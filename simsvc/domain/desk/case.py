"""A case as a whole: its declared birth date and the verdict on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from simsvc.domain.desk.declared import age_on, declared_age
from simsvc.domain.desk.verdict import verdict, verdict_of, verdict_within
from simsvc.domain.estimate.combine import Combined, combine
from simsvc.values import RecordedEstimate, Verdict


@dataclass(frozen=True, slots=True)
class CaseVerdict:
    """The verdict of a case and what it rests on.

    Attributes:
        verdict: None if no birth date is declared.
        declared_years: on the day of the combined estimate, or in the only reliable photo; None if no birth
            date is declared, or several.
        together: the combined estimate; None with fewer than two reliable photos.
        single: the latest reliable photo where there is no combined estimate.
    """

    verdict: Verdict | None
    declared_years: int | None
    together: Combined | None
    single: RecordedEstimate | None


def declared_births(records: Sequence[RecordedEstimate]) -> tuple[date, ...]:
    """Return the different birth dates that are declared in a case, earliest first."""
    return tuple(sorted({born for one in records if (born := one.estimate.declared.birth_date)}))


def case_verdict(records: Sequence[RecordedEstimate]) -> CaseVerdict:
    """Return how the declared age lies to all reliable photos of a case.

    Two different birth dates cannot both be right, so nobody can tell.
    """
    births, together = declared_births(records), combine(records)
    reliable = [one for one in records if one.estimate.age_years is not None and not one.estimate.refer]
    single = reliable[-1] if reliable and together is None else None
    if len(births) != 1:
        return CaseVerdict("cannot_tell" if births else None, None, together, single)
    if together is not None:
        years = age_on(births[0], together.day)
        return CaseVerdict(verdict_within(years, together.interval_years), years, together, None)
    if single is None:
        return CaseVerdict("cannot_tell", None, None, None)
    years = age_on(births[0], single.estimate.declared.photo_date or single.created_at.date())
    return CaseVerdict(verdict(years, single.estimate), years, None, single)


def photo_verdict(record: RecordedEstimate) -> tuple[Verdict | None, int | None]:
    """Return the verdict on a photo of a case, and the age declared for it."""
    return verdict_of(record), declared_age(record.estimate.declared, record.created_at.date())
