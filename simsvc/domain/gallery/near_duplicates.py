"""Faces of a gallery that are cut from one photo: which they are, and where their labels contradict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simsvc.values import LabelledFace

AGREE_YEARS = 5.0
"""Labels of one photo that are further apart contradict each other: a face counts as close to an estimate
within as many years (`domain.estimate.explain.CLOSE_YEARS`), so such labels would speak for and against it at
once."""
ALONE = -1
"""Group of a face that no other is a copy of."""


@dataclass(frozen=True, slots=True)
class LabelledCopy:
    """One of several faces of one photo.

    Attributes:
        source: data set it came from.
        reference: its name inside that data set.
        age_years: its label.
    """

    source: str
    reference: str
    age_years: float


@dataclass(frozen=True, slots=True)
class NearDuplicates:
    """What a build found of copies.

    Attributes:
        photos: how many have more than one face.
        faces: how many faces these have beyond one each.
        contradictory: the faces of every photo whose labels contradict each other, in item order.
    """

    photos: int
    faces: int
    contradictory: tuple[tuple[LabelledCopy, ...], ...]


def joined(count: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Return the items 0..count - 1 in groups that pairs connect, each ascending, in order of the first."""
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
    """Say whether labels of one photo contradict each other."""
    return max(ages_years) - min(ages_years) > AGREE_YEARS


def numbered(groups: Iterable[Sequence[int]], count: int) -> NDArray[np.int32]:
    """Return int32 (count,): for each item the first item of its group, `ALONE` where it has no other."""
    found = np.full(count, ALONE, dtype=np.int32)
    for group in groups:
        if len(group) > 1:
            found[group] = group[0]
    return found


def summary(groups: Iterable[Sequence[int]], faces: Sequence[LabelledFace]) -> NearDuplicates:
    """Return what there is to tell of groups of items."""
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
