"""Shares of records without a result or sent for review, by declared age, with their uncertainty."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["estimated", "unreliable", "refused"]
Z = 1.959964
"""Quantile of the normal distribution for 95% intervals."""
FEWEST = 10
"""Fewest records of a band for which a share is given: of fewer, its 95% interval is wider than 50 points."""
COUNTED: tuple[Outcome, Outcome] = ("refused", "unreliable")
BANDS = ((0, 17), (18, 29), (30, 39), (40, 49), (50, 59), (60, 69), (70, None))
"""Declared ages from and to, in years: decades of applicants, with the ends put together."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its 95% interval, 0..1."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Band:
    """Outcomes of the records of an age band; shares are None for fewer than `FEWEST` records."""

    from_years: int
    to_years: int | None
    records: int
    refused: Share | None
    unreliable: Share | None


def bands(outcomes: Iterable[tuple[int, Outcome]]) -> tuple[Band, ...]:
    """Return the bands that have records, given the declared age and the outcome of each record."""
    counts: dict[int, dict[str, int]] = {}
    for age_years, outcome in outcomes:
        place = _place(age_years)
        found = counts.setdefault(place, {"estimated": 0, "unreliable": 0, "refused": 0})
        found[outcome] += 1
    return tuple(_band(place, counts[place]) for place in sorted(counts))


def share(count: int, total: int) -> Share:
    """Return a share of at least one record with its Wilson score interval.

    Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927);
    it holds for small counts and for shares near 0 and 1 too.
    """
    value, weight = count / total, Z * Z / total
    middle = (value + weight / 2) / (1 + weight)
    half = Z * math.sqrt(value * (1 - value) / total + weight / (4 * total)) / (1 + weight)
    return Share(value, max(0.0, middle - half), min(1.0, middle + half))


def _place(age_years: int) -> int:
    return max(place for place, (start, _) in enumerate(BANDS) if age_years >= start or place == 0)


def _band(place: int, counts: dict[str, int]) -> Band:
    total = sum(counts.values())
    (start, end), enough = BANDS[place], total >= FEWEST
    refused, unreliable = (share(counts[name], total) if enough else None for name in COUNTED)
    return Band(start, end, total, refused, unreliable)
