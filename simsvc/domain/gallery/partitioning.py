"""Partitions and codes of many vectors: k-means, the same for equal rows.

A search by inverted lists inspects the partitions whose centres are nearest, and compares codes of a few
bytes before it compares vectors. Source: Jégou, Douze and Schmid, "Product Quantization for Nearest Neighbor
Search", IEEE PAMI 33 (1), 2011.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simsvc.domain.gallery.nearest import distances, spread
from simsvc.values import FloatVector

CODES = 256
"""Centres of a sub-vector: a byte."""
ROWS_A_CENTRE = 256
"""Most rows to train a centre with. Source: `max_points_per_centroid` of Faiss 1.12."""
ITERATIONS = 10
"""Rounds of k-means. Source: `niter` of Faiss's inverted lists (`Level1Quantizer`, Faiss 1.12)."""
SEED = 20_170_112
ROWS_A_BLOCK = 8_192
NEAREST = 9
"""Candidates for copies per face: itself and eight, as `adapters.index.annoy_forest` has them."""


@dataclass(frozen=True, slots=True, eq=False)
class Quantizer:
    """What vectors are partitioned and coded by.

    Attributes:
        centres: float32 (P, D), of the partitions.
        codebook: float32 (M, 256, D / M), of what is left of a vector without its centre, cut in M parts.
    """

    centres: FloatVector
    codebook: FloatVector


def train(rows: FloatVector, centres: FloatVector, sub_vectors: int) -> Quantizer:
    """Return the codes for rows, float32 (N, D), around centres (P, D); D is a multiple of `sub_vectors`."""
    sample = rows[spread(len(rows), CODES * ROWS_A_CENTRE)]
    left = sample - centres[assigned(sample, centres)[:, 0]]
    parts = np.split(left, sub_vectors, axis=1)
    return Quantizer(centres, np.stack([k_means(part, CODES) for part in parts]))


def k_means(rows: FloatVector, count: int) -> FloatVector:
    """Return `count` centres, float32 (count, D), of N >= count rows (N, D), by Lloyd's rounds."""
    rows = rows[spread(len(rows), count * ROWS_A_CENTRE)]
    chosen = np.random.default_rng(SEED).permutation(len(rows))[:count]
    centres: FloatVector = rows[np.sort(chosen)].astype(np.float32)
    for _ in range(ITERATIONS):
        nearest = assigned(rows, centres)[:, 0]
        order = np.argsort(nearest, kind="stable")
        held, starts, sizes = np.unique(nearest[order], return_index=True, return_counts=True)
        sums = np.add.reduceat(rows[order].astype(np.float64), starts, axis=0)
        centres[held] = (sums / sizes[:, None]).astype(np.float32)  # one without rows stays where it is
    return centres


def assigned(rows: FloatVector, centres: FloatVector, count: int = 1) -> NDArray[np.int32]:
    """Return the numbers of each row's nearest centres, nearest first: int32 (N, count)."""
    found = np.empty((len(rows), count), dtype=np.int32)
    halves = 0.5 * (centres * centres).sum(axis=1)
    for start in range(0, len(rows), ROWS_A_BLOCK):
        closeness = rows[start : start + ROWS_A_BLOCK] @ centres.T - halves
        for place in range(count):
            best = closeness.argmax(axis=1)
            found[start : start + len(best), place] = best
            closeness[np.arange(len(best)), best] = -np.inf
    return found


def near_items(
    rows: FloatVector, centres: FloatVector, farthest: float
) -> Iterator[tuple[int, list[int], list[float]]]:
    """Return items with their nearest ones up to an angular distance, in both partitions nearest to them.

    The rows are float32 (N, D) of unit length; items without near ones do not come, others perhaps twice.
    Vectors that are near each other share a partition, unless they lie at its border: so two are looked at.
    """
    both = assigned(rows, centres, min(2, len(centres)))
    at_least = np.float32(1.0 - farthest**2 / 2.0)
    order = np.argsort(both[:, 0], kind="stable")
    bounds = np.searchsorted(both[order, 0], np.arange(len(centres) + 1))
    asking = _by_partition(both, len(centres))
    for number, items in enumerate(asking):
        held = order[bounds[number] : bounds[number + 1]]
        for start in range(0, len(items), ROWS_A_BLOCK // 4):
            block = items[start : start + ROWS_A_BLOCK // 4]
            yield from _near(rows, block, held, at_least)


def _by_partition(both: NDArray[np.int32], count: int) -> list[NDArray[np.intp]]:
    """Return for each partition the items of which it is one of the nearest, ascending."""
    flat = both.ravel()
    order = np.argsort(flat, kind="stable")
    bounds = np.searchsorted(flat[order], np.arange(1, count))
    return np.split(order // both.shape[1], bounds)


def _near(
    rows: FloatVector, block: NDArray[np.intp], held: NDArray[np.intp], at_least: np.float32
) -> Iterator[tuple[int, list[int], list[float]]]:
    cosines = rows[block] @ rows[held].T
    at, others = np.nonzero(cosines >= at_least)
    other = block[at] != held[others]
    at, others = at[other], others[other]
    close = cosines[at, others]
    order = np.lexsort((held[others], -close, at))
    at, others, close = at[order], others[order], close[order]
    far = distances(close.astype(np.float64))
    asked, starts, sizes = np.unique(at, return_index=True, return_counts=True)
    for place, start, size in zip(asked, starts, np.minimum(sizes, NEAREST - 1), strict=True):
        end = start + size
        yield int(block[place]), held[others[start:end]].tolist(), far[start:end].tolist()
