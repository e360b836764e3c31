"""Combining several estimates of one person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

from simsvc.values import RecordedEstimate

DAYS_A_YEAR = 365.2425


@dataclass(frozen=True, slots=True)
class Combined:
    """The combined estimate of several photos of one person.

    Attributes:
        age_years: median of the estimates, as of `day`.
        interval_years: medians of the low and of the high ends, or None where a photo has no range.
        coverage: minimum share of people within a range like this; None without a range.
        day: date of the latest photo, to which the others are adjusted.
    """

    age_years: float
    interval_years: tuple[float, float] | None
    coverage: float | None
    day: date
    photos: int


def combine(records: Sequence[RecordedEstimate]) -> Combined | None:
    """Combine the reliable estimates, or return None if there are fewer than two.

    A photo sent several times counts once, with its latest estimate.

    Errors on photos of one person are correlated, so an inverse-variance mean would give too narrow a range.
    The medians of both ends contain every age that more than half of the ranges contain, and, whatever the
    dependence, the age of at least 1 - 2 (1 - coverage) of people. Source: Gasparin and Ramdas, "Merging
    uncertain sets by majority vote", arXiv:2401.09379, theorem 2.1.
    """
    reliable = [one for one in records if one.estimate.age_years is not None and not one.estimate.refer]
    distinct = {one.estimate.photo_sha256: one for one in sorted(reliable, key=lambda one: one.number)}
    judged = [(photo_day(record), record.estimate) for record in distinct.values()]
    if len(judged) < 2:
        return None
    latest = max(day for day, _ in judged)
    shifts = [(latest - day).days / DAYS_A_YEAR for day, _ in judged]
    ages = [(answer.age_years or 0.0) + by for (_, answer), by in zip(judged, shifts, strict=True)]
    ranges = [
        (answer.interval_years[0] + by, answer.interval_years[1] + by)
        for (_, answer), by in zip(judged, shifts, strict=True)
        if answer.interval_years
    ]
    least = min((answer.coverage for _, answer in judged if answer.coverage is not None), default=None)
    if least is None or len(ranges) < len(judged):
        return Combined(median(ages), None, None, latest, len(judged))
    ends = (median(low for low, _ in ranges), median(high for _, high in ranges))
    return Combined(median(ages), ends, round(max(0.0, 2 * least - 1), 4), latest, len(judged))


def sent_again(records: Sequence[RecordedEstimate]) -> list[int]:
    """Return the counts of photos sent more than once, highest first."""
    times = Counter(record.estimate.photo_sha256 for record in records)
    return sorted((count for count in times.values() if count > 1), reverse=True)


def photo_day(record: RecordedEstimate) -> date:
    """Return the declared date of a photo, or its upload date."""
    return record.estimate.declared.photo_date or record.created_at.date()
