from __future__ import annotations

from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsvc.domain.gallery.labels import Gender, Group
from trainer.datasets.formats.rows import Row
from trainer.gallery.sets import MAX_SHARED, MAX_USES, MEMBERS, SAME_PERSON, Likeness, MemberSet, choose

GENDERS: tuple[Gender, ...] = ("female", "male")
GROUPS: tuple[Group, ...] = ("white", "asian")


def row(age: float, gender: Gender | None = "female", group: Group | None = "white") -> Row:
    """Return a row of those labels."""
    return Row(Path("x.jpg"), age, "utkface", "x.jpg", None, gender, group)


def likeness(count: int, seed: int = 0) -> Likeness:
    """Return random shapes, looks that hardly correlate, and identities far apart."""
    random = np.random.default_rng(seed)
    looks = random.normal(size=(count, 256)).astype(np.float32)
    looks /= np.linalg.norm(looks, axis=1, keepdims=True)
    identities = random.normal(size=(count, 128)).astype(np.float32)
    return Likeness(random.normal(60, 3, (count, 5, 2)).astype(np.float32), looks, identities)


def chosen(rows: list[Row], wanted: int = 10, **changes: Any) -> list[MemberSet]:
    """Choose among rows of as many people, all usable, but for what is changed."""
    count = len(rows)
    given = {
        "people": np.arange(count),
        "likeness": likeness(count),
        "usable": np.ones(count, dtype=bool),
    } | changes
    return choose(rows, wanted=wanted, **given)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(20, 120), st.integers(1, 40))
def test_what_every_set_keeps(seed: int, count: int, wanted: int) -> None:
    """Whatever the faces: six people of one gender and group, within a year, no face used too often."""
    random = np.random.default_rng(seed)
    rows = [
        row(float(random.integers(30, 36)), GENDERS[random.integers(2)], GROUPS[random.integers(2)])
        for _ in range(count)
    ]
    people = random.integers(0, count, count)
    usable = random.random(count) < 0.8
    sets = chosen(rows, wanted, people=people, likeness=likeness(count, seed), usable=usable)
    for found in sets:
        members = [rows[m] for m in found.members]
        assert len(members) == MEMBERS == len({int(people[m]) for m in found.members})
        assert MEMBERS >= 6
        assert {(m.gender, m.group) for m in members} == {(found.gender, found.group)}
        assert found.age_years == pytest.approx(np.mean([m.age_years for m in members]))
        ages = sorted(m.age_years for m in members)
        assert any(max(abs(age - middle) for age in ages) <= 1 for middle in ages)
        assert usable[list(found.members)].all()
    for one, other in combinations(sets, 2):
        assert len(set(one.members) & set(other.members)) <= MAX_SHARED
    uses = Counter(member for found in sets for member in found.members)
    assert all(times <= MAX_USES for times in uses.values())
    assert sets == chosen(rows, wanted, people=people, likeness=likeness(count, seed), usable=usable)


def test_takes_the_most_alike() -> None:
    """Among faces of two poses the first sets are each of one pose."""
    rows = [row(40) for _ in range(24)]
    alike = likeness(24)
    alike.shapes[::2] += 40
    first, second = chosen(rows, 18, likeness=alike)[:2]
    for found in (first, second):
        assert len({member % 2 for member in found.members}) == 1


def test_fresh_faces_first() -> None:
    """While unused faces are left that are as much alike, no face is used twice."""
    rows = [row(40) for _ in range(12)]
    same = likeness(12)
    same.shapes[:] = 0
    same.looks[:] = np.eye(12, 256)
    first, second = chosen(rows, 18, likeness=same)[:2]
    assert not set(first.members) & set(second.members)


def test_rare_cells_are_served() -> None:
    """Every cell that can make a set makes one before a common cell makes its second."""
    rows = [row(40) for _ in range(60)] + [row(70, "male", "asian") for _ in range(6)]
    sets = chosen(rows, 2)
    assert {(found.gender, found.group) for found in sets} == {("female", "white"), ("male", "asian")}


def test_decades_have_the_same_share() -> None:
    """However many faces a decade has, it gets a ninth of what is wanted, or all that it can make."""
    rows = [row(25 + n % 3) for n in range(300)] + [row(44) for _ in range(60)] + [row(85) for _ in range(6)]
    found = Counter(int(member_set.age_years // 10) for member_set in chosen(rows, 36))
    assert found == {2: 4, 4: 4, 8: 1}


@pytest.mark.parametrize(("age", "step", "sets"), [(40, 1, 1), (40, 2, 0), (80, 2, 1), (80, 3, 0)])
def test_old_faces_may_lie_further_apart(age: int, step: int, sets: int) -> None:
    """Members lie a year from their set's age, and two from 70 years on, not further."""
    rows = [row(age + step * (n % 3 - 1)) for n in range(MEMBERS)]
    assert len([found for found in chosen(rows) if abs(found.age_years - age) < 1]) == sets


@pytest.mark.parametrize("age", [0.0, 91.0, 100.0, 110.0])
def test_ages_without_composites(age: float) -> None:
    """Before 1 and beyond 90 no set is made."""
    assert chosen([row(age) for _ in range(20)]) == []


def test_a_set_that_will_not_do_makes_room() -> None:
    """Sets that are not accepted do not count, and are not proposed again."""
    rows, proposed = [row(40) for _ in range(120)], list[MemberSet]()

    def accept(found: MemberSet) -> bool:
        proposed.append(found)
        return len(proposed) % 2 == 0

    sets = chosen(rows, 27, accept=accept)
    assert len(sets) == 3
    assert sets == proposed[1::2]
    assert len({found.members for found in proposed}) == 6


def test_one_person_twice() -> None:
    """Two photos of almost one identity never meet in a set, though the data set does not tell."""
    rows = [row(40) for _ in range(8)]
    twins = likeness(8)
    twins.shapes[1], twins.looks[1] = twins.shapes[0], twins.looks[0]
    assert [found for found in chosen(rows, likeness=twins) if {0, 1} <= set(found.members)]
    twins.identities[1] = twins.identities[0] + 0.5 * SAME_PERSON / 128**0.5
    sets = chosen(rows, likeness=twins)
    assert sets
    assert not [found for found in sets if {0, 1} <= set(found.members)]


@pytest.mark.parametrize(
    "rows",
    [
        [row(40) for _ in range(MEMBERS - 1)],
        [row(40 + 2 * n) for n in range(20)],
        [row(40, gender=None) for _ in range(20)],
        [row(40, group=None) for _ in range(20)],
        [],
    ],
)
def test_too_few(rows: list[Row]) -> None:
    """Too few faces of an age, or no known gender or group, make no set."""
    assert chosen(rows) == []


def test_ends_when_all_are_used_up() -> None:
    """However many sets are wanted, each face serves at most twice."""
    assert len(chosen([row(40) for _ in range(12)], wanted=1000)) <= 12 * MAX_USES / MEMBERS
