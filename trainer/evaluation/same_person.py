"""How far apart the model sees photos of one person, and photos of two people of about the same age.

The service asks whether two photos of a case show the same person where they are far apart
(`simsvc.domain.desk.same_person`). To a model of age, two people of different ages are always far apart, so
only pairs of about the same age tell how often the question finds another person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from simsvc.errors import SourceEmpty
from simsvc.values import FloatVector
from trainer.datasets.formats.rows import Row

GAPS_YEARS = (0, 2, 5, 10, 20)
"""Lower ends of the bands of years between two photos; the last has no end."""
SAME_AGE_YEARS = 5
"""Most years between the ages of two people who are compared."""
ADULT_YEARS = 18
"""Applicants are adults, and children change faster."""
WITHIN_YEARS = 10
"""Most years between two photos of one person that count: photos further apart are named for their dates
(`simsvc.domain.desk.contradictions.JUMP_YEARS`)."""
FALSE_ALARMS = 0.05
"""Share of one person's pairs that the question may be asked of in vain: one case of two photos in twenty."""


@dataclass(frozen=True, slots=True)
class GapFigures:
    """Pairs of photos of one person that are so many years apart; None without any."""

    from_years: int
    pairs: int
    asked: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What a bound on the distance does.

    Attributes:
        far: the bound, an angular distance.
        false_alarms: share of one person's pairs, at most `WITHIN_YEARS` apart, that are further apart.
        found: share of pairs of two people of the same age that are further apart.
    """

    far: float
    same_pairs: int
    false_alarms: float
    other_pairs: int
    found: float
    gaps: tuple[GapFigures, ...]

    def as_dict(self) -> dict[str, object]:
        """Return them ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """All pairs of N photos: distance, years between the ages, and whether they show one person."""

    distances: NDArray[np.float64]
    gaps_years: NDArray[np.float64]
    same: NDArray[np.bool_]


def pairs_of(rows: Sequence[Row], embeddings: FloatVector) -> Pairs:
    """Return the pairs of photos of adults with a face; others have an embedding of NaN."""
    grown = np.array([row.age_years >= ADULT_YEARS for row in rows])
    kept = np.flatnonzero(np.isfinite(embeddings).all(axis=1) & grown)
    faces = embeddings[kept].astype(np.float64)
    people = np.array([rows[at].person or "" for at in kept.tolist()])
    ages = np.array([rows[at].age_years for at in kept.tolist()])
    first, second = np.triu_indices(len(kept), 1)
    cosines = np.einsum("ij,ij->i", faces[first], faces[second])
    return Pairs(
        np.sqrt(np.clip(2.0 - 2.0 * cosines, 0.0, 4.0)),
        np.abs(ages[first] - ages[second]),
        people[first] == people[second],
    )


def bound_for(pairs: Pairs) -> float:
    """Return the distance that `FALSE_ALARMS` of one person's pairs exceed, rounded up to hundredths.

    Raises:
        SourceEmpty: nobody has two photos.
    """
    mine = pairs.distances[pairs.same & (pairs.gaps_years <= WITHIN_YEARS)]
    if not len(mine):
        raise SourceEmpty("No adult has two photos. Choose a source with several photos of each person.")
    return float(np.ceil(100.0 * np.quantile(mine, 1.0 - FALSE_ALARMS, method="higher")) / 100.0)


def figures(pairs: Pairs, far: float) -> Figures:
    """Return what a bound does."""
    mine = pairs.same & (pairs.gaps_years <= WITHIN_YEARS)
    others = ~pairs.same & (pairs.gaps_years <= SAME_AGE_YEARS)
    ends = (*GAPS_YEARS[1:], np.inf)
    gaps = [
        pairs.same & (pairs.gaps_years >= low) & (pairs.gaps_years < high)
        for low, high in zip(GAPS_YEARS, ends, strict=True)
    ]
    return Figures(
        far,
        int(mine.sum()),
        _share(pairs.distances[mine] > far) or 0.0,
        int(others.sum()),
        _share(pairs.distances[others] > far) or 0.0,
        tuple(
            GapFigures(low, int(gap.sum()), _share(pairs.distances[gap] > far))
            for low, gap in zip(GAPS_YEARS, gaps, strict=True)
        ),
    )


def _share(which: NDArray[np.bool_]) -> float | None:
    return round(float(which.mean()), 4) if len(which) else None


def as_text(found: Figures) -> str:
    """Return the figures for people."""
    lines = [
        f"asked beyond {found.far:.2f}:",
        f"  one adult, at most {WITHIN_YEARS} years apart: {found.false_alarms:.1%} of {found.same_pairs}",
        f"  two adults, ages at most {SAME_AGE_YEARS} years apart: {found.found:.1%} of {found.other_pairs}",
    ]
    lines += [
        f"  one adult, from {gap.from_years} years apart: {gap.asked:.1%} of {gap.pairs}"
        for gap in found.gaps
        if gap.asked is not None
    ]
    return "\n".join(lines)
