"""Which faces are averaged with which: pure choice, no pixels."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from trainer.datasets.formats.rows import Row

MEMBERS = 6  # faces a composite: the least number the product promises; more only blur
MAX_USES = 2  # composites a face may contribute to
MAX_SHARED = 3
"""Members that two composites may have in common: with four or five of six the same, both show one face."""
AGES_YEARS = (1, 90)
"""Ages of members. UTKFace's labels beyond are mostly round numbers, 100 and 110 among them."""
NEAR_YEARS = 1  # how far a member's age may lie from the age that a set is gathered for
OLD_YEARS, OLD_NEAR_YEARS = 70, 2
"""From this age on it may lie further: there are few old faces, and two years show less in them."""
DECADES = 9  # ages 1 to 10, 11 to 20 and so on, up to 90, each with the same share of the composites
LOOKS_WEIGHT_PX = 60.0
"""A correlation of looks lower by 1 counts as much as landmarks this many pixels apart: glasses meet glasses
and smiles meet smiles, while pose still decides among those."""
SAME_PERSON = 0.4
"""Identity distance below which two photos may show one person, who then never meets himself in a set. dlib's
own 0.6 is for people in general: of those of one gender, group and age, half of all pairs lie below it. 99%
of the data set's near-duplicate pairs lie under 0.34, 99% of the pairs of adults gathered without this rule
above 0.44."""
REUSE_PX = 2.0  # a face used once before counts as if it lay this much further away: fresh faces first


@dataclass(frozen=True, slots=True)
class MemberSet:
    """Faces of one gender and group to be averaged."""

    members: tuple[int, ...]  # positions of `MEMBERS` rows of different people
    gender: str
    group: str
    age_years: float  # mean of their labels: the composite's label
    spread: float  # mean distance of the members from the one they were gathered around, see `Likeness`


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """How much faces are alike in pose and looks."""

    shapes: NDArray[np.float32]  # (N, 5, 2): landmarks in pixels after the eyes were brought to their places
    looks: NDArray[np.float32]  # (N, F): small grey aligned faces, each of zero mean and unit length
    identities: NDArray[np.float32]  # (N, 128): see `trainer.models.identity`

    def distances(self, pool: Sequence[int]) -> NDArray[np.float32]:
        """Return float32 (P, P): landmark distance in pixels plus the weighted lack of correlation."""
        shapes = self.shapes[list(pool)].reshape(len(pool), -1)
        looks = self.looks[list(pool)]
        apart = np.linalg.norm(shapes[:, None] - shapes[None], axis=2)
        distance: NDArray[np.float32] = apart + LOOKS_WEIGHT_PX * (1 - looks @ looks.T)
        return distance


Cell = tuple[str, str, int]  # gender, group and whole age


@dataclass(frozen=True, slots=True)
class _Taken:
    """What is proposed so far: uses of each face, and the numbers of the sets that it is in."""

    uses: Counter[int] = field(default_factory=Counter)
    sets: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, found: MemberSet) -> None:
        number = self.uses.total() // MEMBERS
        for member in found.members:
            self.uses[member] += 1
            self.sets[member].append(number)


def choose(
    rows: Sequence[Row],
    people: NDArray[np.int64],
    likeness: Likeness,
    usable: NDArray[np.bool_],
    wanted: int,
    accept: Callable[[MemberSet], bool] = lambda _: True,
) -> list[MemberSet]:
    """Choose sets evenly over ages, genders and groups, the most alike in pose and looks first.

    Every decade has the same share of what is wanted. In it, rounds take one set from every (gender, group,
    age) cell until enough are chosen, so that rare cells are all served before common ones get their second.
    A decade that runs out of faces stays smaller.

    Args:
        rows: N rows.
        people: (N,): rows that may show one person share a number, and never meet in one set.
        likeness: of the N rows.
        usable: (N,): sharp, well lit, detected with certainty.
        wanted: how many sets, shared out over the decades and rounded up.
        accept: whether a proposed set will do; where not, the next one takes its place.
    """
    cells = _cells(rows, usable)
    taken = _Taken()
    chosen: list[MemberSet] = []
    for decade in range(DECADES):
        inside = [cell for cell in sorted(cells) if (cell[2] - 1) // 10 == decade]
        order = np.random.default_rng(decade).permutation(len(inside))
        pools = _Pools(rows, people, likeness, cells, taken)
        proposed = _proposals([inside[at] for at in order], pools)
        chosen += islice(filter(accept, proposed), math.ceil(wanted / DECADES))
    return chosen


def _cells(rows: Sequence[Row], usable: NDArray[np.bool_]) -> dict[Cell, list[int]]:
    cells: dict[Cell, list[int]] = defaultdict(list)
    for position in np.flatnonzero(usable).tolist():
        row = rows[position]
        if row.gender and row.group and AGES_YEARS[0] <= row.age_years <= AGES_YEARS[1]:
            cells[row.gender, row.group, round(row.age_years)].append(position)
    return dict(cells)


@dataclass(frozen=True, slots=True, eq=False)
class _Pools:
    rows: Sequence[Row]
    people: NDArray[np.int64]
    likeness: Likeness
    cells: dict[Cell, list[int]]
    taken: _Taken


def _proposals(cells: Sequence[Cell], pools: _Pools) -> Iterator[MemberSet]:
    """Yield one set of every cell, then a second, until none has faces left; each counts as taken."""
    alive = list(cells)
    while alive:
        still = []
        for cell in alive:
            found = _best(_pool(cell, pools), cell, pools)
            if found is not None:
                pools.taken.add(found)
                still.append(cell)
                yield found
        alive = still


def _pool(cell: Cell, pools: _Pools) -> list[int]:
    """Return who may join a set of this cell: gender and group the same, age near, one a person."""
    gender, group, age = cell
    near = OLD_NEAR_YEARS if age >= OLD_YEARS else NEAR_YEARS
    ages = (pools.cells.get((gender, group, age + step), []) for step in range(-near, near + 1))
    uses = pools.taken.uses
    pool = [p for positions in ages for p in positions if uses[p] < MAX_USES]
    seen: dict[int, int] = {}
    for position in sorted(pool, key=lambda p: (uses[p], p)):
        seen.setdefault(int(pools.people[position]), position)
    return sorted(seen.values())


def _best(pool: list[int], cell: Cell, pools: _Pools) -> MemberSet | None:
    """Return the set of the pool that is most alike, or None where too few faces are left."""
    gender, group, age = cell
    rows, likeness, uses = pools.rows, pools.likeness, pools.taken.uses
    seeds = [i for i, p in enumerate(pool) if round(rows[p].age_years) == age]
    if len(pool) < MEMBERS or not seeds:
        return None
    used = np.array([uses[p] for p in pool])
    distance = likeness.distances(pool)[seeds] + REUSE_PX * (used[seeds][:, None] + used[None])
    nearest = np.sort(distance, axis=1)[:, :MEMBERS].mean(axis=1)
    for row in np.argsort(nearest, kind="stable"):
        order = [pool[i] for i in np.argsort(distance[row], kind="stable")]
        members = _gathered(order, likeness, pools.taken)
        if members is not None:
            mean_age = float(np.mean([rows[p].age_years for p in members]))
            return MemberSet(members, gender, group, mean_age, float(nearest[row]))
    return None


def _gathered(nearest_first: Sequence[int], likeness: Likeness, taken: _Taken) -> tuple[int, ...] | None:
    """Return the first `MEMBERS` that go together, or None where too few do.

    No two may be one person, and no more than `MAX_SHARED` of them may be in one earlier set.
    """
    found: list[int] = []
    shared: Counter[int] = Counter()
    for position in nearest_first:
        apart = np.linalg.norm(likeness.identities[found] - likeness.identities[position], axis=1)
        together = any(shared[number] >= MAX_SHARED for number in taken.sets.get(position, ()))
        if together or (apart < SAME_PERSON).any():
            continue
        found.append(position)
        shared.update(taken.sets.get(position, ()))
        if len(found) == MEMBERS:
            return tuple(sorted(found))
    return None
