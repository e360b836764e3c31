from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.datasets.formats.rows import Row
from trainer.datasets.splits import SPLITS, assign, group


def faces(count: int, source: str = "utkface", persons: int = 0) -> list[Row]:
    """Return rows of ages 1..90, of so many persons, or of none known."""
    return [
        Row(Path("x"), 1.0 + at % 90, source, f"{at}.jpg", person=f"p{at % persons}" if persons else None)
        for at in range(count)
    ]


def split_of(rows: list[Row], pairs: list[tuple[int, int]] | None = None) -> dict[tuple[str, str], str]:
    """Return the split by source and reference."""
    found = assign(rows, group(rows, pairs or []))
    return {(row.source, row.reference): str(name) for row, name in zip(rows, found, strict=True)}


def test_golden_splits() -> None:
    """These faces keep their splits for ever: a change would mix training and test data."""
    found = split_of(faces(1800))
    first = {split: [at for at in range(100) if found["utkface", f"{at}.jpg"] == split] for split in SPLITS}
    assert first["valid"] == [16, 24, 25, 32, 34, 37, 46, 52, 76]
    assert first["test"] == [33, 61, 63, 66]


@settings(deadline=None)
@given(st.randoms(use_true_random=False))
def test_order_of_reading_does_not_matter(random: Random) -> None:
    """Rows in any order get the same splits, groups included."""
    rows = faces(200, persons=0)
    pairs = [(3, 50), (50, 120), (7, 199)]
    order = list(range(200))
    random.shuffle(order)
    position = {old: new for new, old in enumerate(order)}
    moved = split_of(
        [rows[old] for old in order], [(position[left], position[right]) for left, right in pairs]
    )
    assert moved == split_of(rows, pairs)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 79), st.integers(0, 79)), max_size=60), st.integers(0, 40))
def test_groups_are_the_connected_components(pairs: list[tuple[int, int]], persons: int) -> None:
    """Groups are exactly the connected components of copies and persons, and lie in one split each."""
    csgraph = pytest.importorskip("scipy.sparse.csgraph")
    rows = faces(80, persons=persons)
    edges = np.zeros((80, 80), dtype=bool)
    for left, right in pairs:
        edges[left, right] = True
    for left, row in enumerate(rows):
        edges[left] |= [row.person is not None and row.person == other.person for other in rows]
    _, expected = csgraph.connected_components(edges, directed=False)

    leaders = group(rows, pairs)

    assert (
        len({*zip(leaders.tolist(), expected.tolist(), strict=True)})
        == len(set(expected))
        == len(set(leaders))
    )
    splits = assign(rows, leaders)
    assert all(len(set(splits[leaders == leader])) == 1 for leader in set(leaders))


def test_proportions_in_every_age_bin() -> None:
    """Each 5-year bin of single faces is cut at 80 and 90 percent, to within one face."""
    rows = faces(18_000)
    found = assign(rows, group(rows, []))
    bins = np.array([int(row.age_years // 5) for row in rows])
    for stratum in set(bins.tolist()):
        inside = found[bins == stratum]
        for split, share in zip(SPLITS, (0.8, 0.1, 0.1), strict=True):
            assert abs(np.sum(inside == split) - share * len(inside)) <= 1


def test_proportions_with_large_groups() -> None:
    """Persons of twelve photos each do not gather in one split."""
    rows = faces(24_000, persons=2000)
    found = assign(rows, group(rows, []))
    assert np.mean(found == "train") == pytest.approx(0.8, abs=0.03)
    assert np.mean(found == "valid") == pytest.approx(0.1, abs=0.02)
    assert np.mean(found == "test") == pytest.approx(0.1, abs=0.02)


def test_small_strata_fill_every_split() -> None:
    """Many sources of three faces each fill all splits in proportion, though none can be cut so."""
    rows = [row for at in range(600) for row in faces(3, source=f"folder:{at}")]
    found = assign(rows, group(rows, []))
    assert np.mean(found == "test") == pytest.approx(0.1, abs=0.03)
    assert np.mean(found == "valid") == pytest.approx(0.1, abs=0.03)


def test_adding_a_source_moves_nothing() -> None:
    """Another source leaves every split as it is, except in groups that it joins."""
    rows, other = faces(500), faces(300, source="wiki")
    alone = split_of(rows)
    together = split_of([*rows, *other])
    assert {key: together[key] for key in alone} == alone
    joined = split_of([*rows, *other], [(4, 600)])
    moved = {key for key in alone if joined[key] != alone[key]}
    assert moved <= {("utkface", "4.jpg")}
    assert joined["utkface", "4.jpg"] == joined["wiki", "100.jpg"]


def test_a_person_is_the_same_in_imdb_and_wiki_only() -> None:
    """A name joins photos across IMDB and WIKI, but not across folders, where it may be someone else."""
    rows = [
        Row(Path("x"), 30.0, source, "a.jpg", person="Ann")
        for source in ("imdb", "wiki", "folder:a", "folder:b")
    ]
    leaders = group(rows, [])
    assert leaders[0] == leaders[1]
    assert len(set(leaders.tolist())) == 3
