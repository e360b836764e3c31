"""Which faces are averaged with which: pure choice, no pixels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.datasets.rows import Row

MEMBERS = 6
"""Faces a composite: the least number the product promises; more only blur."""
MAX_USES = 2
"""Composites a face may contribute to."""
LOOKS_WEIGHT_PX = 60.0
"""A correlation of looks lower by 1 counts as much as landmarks this many pixels apart: glasses meet glasses
and smiles meet smiles, while pose still decides among those."""
SAME_PERSON = 0.4
"""Identity distance below which two photos may show one person, who then never meets himself in a set. dlib's
own 0.6 is for people in general: of those of one gender, group and age, half of all pairs lie below it. 99%
of the data set's near-duplicate pairs lie under 0.34, 99% of the pairs of adults gathered without this rule
above 0.44."""
REUSE_PX = 2.0
"""A face used once before counts as if it lay this much further away: fresh faces first."""


@dataclass(frozen=True, slots=True)
class MemberSet:
    """Faces to be averaged.

    Attributes:
        members: positions of `MEMBERS` rows of different people.
        gender: of all of them.
        group: of all of them.
        age_years: mean of their labels: the composite's label.
        spread: mean distance of the members from the one they were gathered around, see `Likeness`.
    """

    members: tuple[int, ...]
    gender: str
    group: str
    age_years: float
    spread: float


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """How much faces are alike in pose and looks.

    Attributes:
        shapes: float32 (N, 5, 2): landmarks in pixels after the eyes were brought to their places.
        looks: float32 (N, F): small grey aligned faces, each of zero mean and unit length.
        identities: float32 (N, 128): see `trainer.gallery.identity`.
    """

    shapes: NDArray[np.float32]
    looks: NDArray[np.float32]
    identities: NDArray[np.float32]

    def distances(self, pool: Sequence[int]) -> NDArray[np.float32]:
        """Return float32 (P, P): landmark distance in pixels plus the weighted lack of correlation."""
        shapes = self.shapes[list(pool)].reshape(len(pool), -1)
        looks = self.looks[list(pool)]
        apart = np.linalg.norm(shapes[:, None] - shapes[None], axis=2)
        distance: NDArray[np.float32] = apart + LOOKS_WEIGHT_PX * (1 - looks @ looks.T)
        return distance


def choose(
    rows: Sequence[Row],
    people: NDArray[np.int64],
    likeness: Likeness,
    usable: NDArray[np.bool_],
    wanted: int,
) -> list[MemberSet]:
    """Choose sets evenly over ages, genders and groups, the most alike in pose and looks first.

    Every (gender, group, age) cell proposes sets; rounds then take one set a cell until enough are chosen, so
    that rare cells are all served before common ones get their second.

    Args:
        rows: N rows.
        people: int64 (N,): rows that may show one person share a number, and never meet in one set.
        likeness: shapes and looks of the N rows.
        usable: bool (N,): sharp, well lit, detected with certainty.
        wanted: how many sets at least; the last round is finished, so that no cell is left behind.
    """
    cells: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    for position in np.flatnonzero(usable).tolist():
        row = rows[position]
        if row.gender and row.group:
            cells[row.gender, row.group, round(row.age_years)].append(position)
    uses: dict[int, int] = defaultdict(int)
    chosen: list[MemberSet] = []
    alive = sorted(cells)
    while alive and len(chosen) < wanted:
        still = []
        for cell in alive:
            found = _best(_pool(cell, cells, people, uses), cell, likeness, uses, rows)
            if found is None:
                continue
            chosen.append(found)
            still.append(cell)
            for member in found.members:
                uses[member] += 1
        alive = still
    return chosen


def _pool(
    cell: tuple[str, str, int],
    cells: dict[tuple[str, str, int], list[int]],
    people: NDArray[np.int64],
    uses: dict[int, int],
) -> list[int]:
    """Return who may join a set of this cell: gender and group the same, age within a year, one a person."""
    gender, group, age = cell
    near = (cells.get((gender, group, age + step), []) for step in (0, 1, -1))
    pool = [p for positions in near for p in positions if uses[p] < MAX_USES]
    seen: dict[int, int] = {}
    for position in sorted(pool, key=lambda p: (uses[p], p)):
        seen.setdefault(int(people[position]), position)
    return sorted(seen.values())


def _best(
    pool: list[int],
    cell: tuple[str, str, int],
    likeness: Likeness,
    uses: dict[int, int],
    rows: Sequence[Row],
) -> MemberSet | None:
    """Return the set of the pool that is most alike, or None where too few faces are left."""
    gender, group, age = cell
    seeds = [i for i, p in enumerate(pool) if round(rows[p].age_years) == age]
    if len(pool) < MEMBERS or not seeds:
        return None
    used = np.array([uses[p] for p in pool])
    distance = likeness.distances(pool)[seeds] + REUSE_PX * (used[seeds][:, None] + used[None])
    nearest = np.sort(distance, axis=1)[:, :MEMBERS].mean(axis=1)
    for row in np.argsort(nearest, kind="stable"):
        members = _gathered([pool[i] for i in np.argsort(distance[row], kind="stable")], likeness)
        if members is not None:
            mean_age = float(np.mean([rows[p].age_years for p in members]))
            return MemberSet(members, gender, group, mean_age, float(nearest[row]))
    return None


def _gathered(nearest_first: Sequence[int], likeness: Likeness) -> tuple[int, ...] | None:
    """Return the first `MEMBERS` of whom no two may be one person, or None."""
    taken: list[int] = []
    for position in nearest_first:
        apart = np.linalg.norm(likeness.identities[taken] - likeness.identities[position], axis=1)
        if not (apart < SAME_PERSON).any():
            taken.append(position)
        if len(taken) == MEMBERS:
            return tuple(sorted(taken))
    return None
