"""The least work of a Lance build, chosen by what it finds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from simsvc.domain.gallery.manifest import Partitions
from simsvc.domain.gallery.partition_effort import Measure, least_work, partitions_for, probes_for
from simsvc.values import Recall


def coded(found: dict[int, tuple[int, int]], written: list[int]) -> Callable[[int], Measure]:
    """Return a search that finds all with so many probes and candidates, by the number of sub-vectors."""

    def code(sub_vectors: int) -> Measure:
        written.append(sub_vectors)
        probes, refine = found[sub_vectors]

        def measure(asked: Partitions) -> Recall:
            share = 1.0 if asked.probes >= probes and asked.refine >= refine else 0.9
            return Recall(10, 400, share, 1.0)

        return measure

    return code


def test_the_least_candidates_then_the_fewest_partitions() -> None:
    """What is enough is found from the least, and no finer code is written."""
    written: list[int] = []
    found = least_work(244, 64, coded({16: (20, 10)}, written))
    assert found.partitions == Partitions(244, 16, 32, 10)
    assert found.measured.share == 1.0
    assert written == [16]


def test_finer_codes_where_coarser_ones_miss() -> None:
    """Codes of twice the bytes are tried next, and the most work is taken where none reaches the target."""
    written: list[int] = []
    found = least_work(24, 64, coded({16: (999, 5), 32: (1, 5)}, written))
    assert (written, found.partitions) == ([16, 32], Partitions(24, 32, 8, 5))
    written.clear()
    never = {16: (999, 5), 32: (999, 5), 64: (999, 5)}
    most = least_work(24, 64, coded(never, written))
    assert (written, most.measured.share) == ([16, 32, 64], 0.9)
    assert most.partitions == Partitions(24, 64, 24, 80)


def test_codes_divide_the_vector() -> None:
    """Of 13 numbers each is coded by itself."""
    written: list[int] = []
    assert least_work(3, 13, coded({13: (1, 1)}, written)).partitions == Partitions(3, 13, 3, 5)


@pytest.mark.parametrize(("k", "probes"), [(1, 8), (10, 8), (24, 20), (1_000, 24)])
def test_more_neighbours_take_more_partitions(k: int, probes: int) -> None:
    """In proportion to the ten that were measured, at most all."""
    assert probes_for(Partitions(24, 16, 8, 5), k) == probes


def test_partitions_grow_with_the_gallery() -> None:
    """Some 4,096 rows each, and at least one partition."""
    assert [partitions_for(count) for count in (1, 10_000, 100_000, 10_000_000)] == [1, 2, 24, 2441]
