"""Choosing how a Lance build is searched: the least work that reaches the target recall.

`make bench-lance` measures every step on real embeddings and on vectors drawn around them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from simsvc.domain.gallery.manifest import Partitions
from simsvc.domain.gallery.recall import K
from simsvc.domain.gallery.search_effort import MARGIN, TARGET
from simsvc.values import Recall

FLAT_BELOW = 10_000
"""Fewer faces are compared one by one. Training 256 codes takes 39 rows each, says Faiss 1.12
(`min_points_per_centroid`), and an exact search of 10,000 takes 1.4 ms, one of partitions 1.6 ms."""
PARTITION_ROWS = 4_096
"""Rows of a partition: half of Lance's own target for IVF_PQ, 8,192, so that probes are finer steps."""
SUB_DIMS = (4, 2, 1)
"""Numbers of a vector in one byte of its code, so 16 bytes for 64. Finer codes only if coarser ones miss."""
REFINES = (5, 10, 20, 40, 80)
PROBES = (8, 16, 32, 64, 128, 256)


@dataclass(frozen=True, slots=True)
class Searched:
    """How a build is searched, and the measured recall; `partitions` is None for an exact search."""

    partitions: Partitions | None
    measured: Recall


Measure = Callable[[Partitions], Recall]


def partitions_for(count: int) -> int:
    """Return the number of partitions of so many rows."""
    return max(1, round(count / PARTITION_ROWS))


def least_work(count: int, dims: int, coded: Callable[[int], Measure]) -> Searched:
    """Return the least work that reaches the target with `count` partitions, or the most.

    `coded` writes an index with a number of sub-vectors, finer only if coarser ones do not reach the target,
    and returns what measures the recall of its searches; the last index belongs to what is returned.
    """
    for each in SUB_DIMS:
        if dims % each:
            continue
        found = _least(count, dims // each, coded(dims // each))
        if _reached(found.measured):
            break
    return found


def _least(count: int, sub_vectors: int, measure: Measure) -> Searched:
    """Take the fewest candidates that reach the target with most partitions, then the fewest partitions."""

    @cache
    def recall(probes: int, refine: int) -> Recall:
        return measure(Partitions(count, sub_vectors, probes, refine))

    steps = [*(step for step in PROBES if step < count), min(count, PROBES[-1])]
    refine = _first(REFINES, lambda refine: _reached(recall(steps[-1], refine)))
    probes = _first(steps, lambda probes: _reached(recall(probes, refine)))
    return Searched(Partitions(count, sub_vectors, probes, refine), recall(probes, refine))


def _first(steps: Sequence[int], is_enough: Callable[[int], bool]) -> int:
    """Return the first step that is enough, from the least, as one of the first is; the last if none is."""
    return next((step for step in steps if is_enough(step)), steps[-1])


def _reached(shares: Recall) -> bool:
    return shares.share >= TARGET + MARGIN


def probes_for(partitions: Partitions, k: int) -> int:
    """Return the partitions to read for k neighbours, in proportion to those for `K`."""
    return min(partitions.count, max(partitions.probes, -(-partitions.probes * k // K)))
