"""Groups of faces from the same photo, and conflicting labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simsvc.values import LabelledFace

AGREE_YEARS = 5.0
"""Labels of one photo further apart are in conflict: they could support and contradict an estimate at once
(`domain.estimate.explain.CLOSE_YEARS`)."""
ALONE = -1
"""Group of a face without copies."""


@dataclass(frozen=True, slots=True)
class LabelledCopy:
    """One of several faces of one photo: its data set, its name there, and its label."""

    source: str
    reference: str
    age_years: float


@dataclass(frozen=True, slots=True)
class NearDuplicates:
    """Photos with several faces, their faces beyond one each, and photos with conflicting labels."""

    photos: int
    faces: int
    contradictory: tuple[tuple[LabelledCopy, ...], ...]


def joined(count: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Return the items 0..count - 1 in groups connected by pairs, each ascending."""
    leader = list(range(count))

    def find(item: int) -> int:
        while leader[item] != item:
            leader[item] = leader[leader[item]]
            item = leader[item]
        return item

    for left, right in pairs:
        low, high = sorted((find(left), find(right)))
        leader[high] = low
    groups: dict[int, list[int]] = {}
    for item in range(count):
        groups.setdefault(find(item), []).append(item)
    return list(groups.values())


def contradict(ages_years: Sequence[float]) -> bool:
    """Return whether labels of one photo are in conflict."""
    return max(ages_years) - min(ages_years) > AGREE_YEARS


def numbered(groups: Iterable[Sequence[int]], count: int) -> NDArray[np.int32]:
    """Return int32 (count,): first item of each item's group, or `ALONE`."""
    found = np.full(count, ALONE, dtype=np.int32)
    for group in groups:
        if len(group) > 1:
            found[group] = group[0]
    return found


def summary(groups: Iterable[Sequence[int]], faces: Sequence[LabelledFace]) -> NearDuplicates:
    """Return the near-duplicates in groups of items."""
    copies = [[faces[item] for item in group] for group in groups if len(group) > 1]
    return NearDuplicates(
        len(copies),
        sum(len(group) - 1 for group in copies),
        tuple(
            tuple(LabelledCopy(face.source, face.reference, face.age_years) for face in group)
            for group in copies
            if contradict([face.age_years for face in group])
        ),
    )
