"""What merged data hold: counts, what was left out, and how far the labels of near-duplicates disagree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.datasets.merge import MergedData
from trainer.datasets.splits import SPLITS

FAR_APART_YEARS = 5.0  # labels of the same photo that differ by more make at least one of them wrong
EXAMPLES = 20
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two near-duplicates and their labels."""

    first: str
    second: str
    similarity: float
    first_age_years: float
    second_age_years: float


@dataclass(frozen=True, slots=True)
class NearDuplicates:
    """How many there are, and how far their labels disagree."""

    pairs: int
    photos: int  # in at least one pair
    mean_difference_years: float | None  # None without pairs
    far_apart_share: float | None  # more than FAR_APART_YEARS, 0..1; None without pairs
    across_sources: dict[str, int]  # pairs by "one source and another"
    worst: tuple[Disagreement, ...]


@dataclass(frozen=True, slots=True)
class Audit:
    """Photos by value, ready to print, plot and write as JSON; "30-39" is a decade."""

    photos: int
    by_source: dict[str, int]
    by_decade: dict[str, int]
    by_gender: dict[str, int]
    by_group: dict[str, int]
    by_split: dict[str, int]
    split_by_decade: dict[str, dict[str, int]]
    left_out: dict[str, int]  # photos by "source: why", because of label or missing file
    unreadable: tuple[tuple[str, str, str], ...]  # (source, reference, why)
    largest_group: int  # photos in the largest set that no split may part
    near_duplicates: NearDuplicates


def audit(data: MergedData) -> Audit:
    """Count what is in merged data."""
    decades = [decade(row.age_years) for row in data.rows]
    order = sorted(set(decades), key=lambda name: int(name.partition("-")[0]))
    return Audit(
        photos=len(data.rows),
        by_source=_counts(row.source for row in data.rows),
        by_decade={name: decades.count(name) for name in order},
        by_gender=_counts(row.gender or UNKNOWN for row in data.rows),
        by_group=_counts(row.group or UNKNOWN for row in data.rows),
        by_split={split: int(np.sum(data.split == split)) for split in SPLITS},
        split_by_decade={split: _decades_of(split, data, decades, order) for split in SPLITS},
        left_out=_counts(f"{source}: {why}" for source, _, why in data.problems),
        unreadable=data.unreadable,
        largest_group=int(np.bincount(data.groups).max(initial=0)),
        near_duplicates=_near_duplicates(data),
    )


def decade(age_years: float) -> str:
    """Name the decade of an age: 34.5 is in "30-39"."""
    start = int(age_years // 10) * 10
    return f"{start}-{start + 9}"


def label_differences_years(data: MergedData) -> NDArray[np.float64]:
    """Return float64 (P,): the absolute difference of the two labels of each pair of near-duplicates."""
    ages = np.array([row.age_years for row in data.rows], dtype=np.float64)
    return np.abs(ages[data.pairs.first] - ages[data.pairs.second])


def as_text(result: Audit) -> str:
    """Return the audit as lines for a terminal."""
    pairs = result.near_duplicates
    lines = [f"{result.photos} photos, {len(result.unreadable)} unreadable files"]
    tables = {
        "source": result.by_source,
        "age": result.by_decade,
        "gender": result.by_gender,
        "group": result.by_group,
        "split": result.by_split,
        "left out": result.left_out,
    }
    for title, counts in tables.items():
        lines += ["", title, *_table(counts, result.photos)]
    lines += [f"  unreadable {source}/{name}: {why}" for source, name, why in result.unreadable[:EXAMPLES]]
    lines += ["", f"near-duplicates: {pairs.pairs} pairs of {pairs.photos} photos"]
    if pairs.mean_difference_years is not None and pairs.far_apart_share is not None:
        lines.append(
            f"  their labels differ by {pairs.mean_difference_years:.2f} years on average, "
            f"{pairs.far_apart_share:.1%} of them by more than {FAR_APART_YEARS:.0f} years"
        )
    lines += [f"  {count} pairs of {names}" for names, count in pairs.across_sources.items()]
    lines.append(f"  the largest group that no split parts has {result.largest_group} photos")
    return "\n".join(lines)


def _table(counts: dict[str, int], total: int) -> list[str]:
    width = max(map(len, counts), default=0)
    return [f"  {name:<{width}} {count:>8} {count / max(1, total):>7.1%}" for name, count in counts.items()]


def _counts(values: Iterable[str]) -> dict[str, int]:
    """Count, the most frequent first, and by name where equal."""
    return dict(sorted(Counter(values).items(), key=lambda item: (-item[1], item[0])))


def _decades_of(split: str, data: MergedData, decades: list[str], order: list[str]) -> dict[str, int]:
    inside = Counter(name for name, of in zip(decades, data.split, strict=True) if of == split)
    return {name: inside[name] for name in order}


def _near_duplicates(data: MergedData) -> NearDuplicates:
    differences, pairs = label_differences_years(data), data.pairs
    worst = np.argsort(-differences, kind="stable")[:EXAMPLES]
    return NearDuplicates(
        pairs=len(differences),
        photos=len(np.union1d(pairs.first, pairs.second)),
        mean_difference_years=float(differences.mean()) if len(differences) else None,
        far_apart_share=float(np.mean(differences > FAR_APART_YEARS)) if len(differences) else None,
        across_sources=_across(data),
        worst=tuple(_disagreement(data, int(at)) for at in worst),
    )


def _across(data: MergedData) -> dict[str, int]:
    both = zip(data.pairs.first.tolist(), data.pairs.second.tolist(), strict=True)
    names = (sorted({data.rows[first].source, data.rows[second].source}) for first, second in both)
    return _counts(" and ".join(pair) for pair in names if len(pair) == 2)


def _disagreement(data: MergedData, at: int) -> Disagreement:
    first, second = data.rows[data.pairs.first[at]], data.rows[data.pairs.second[at]]
    names = f"{first.source}/{first.reference}", f"{second.source}/{second.reference}"
    return Disagreement(*names, round(float(data.pairs.similarity[at]), 4), first.age_years, second.age_years)
