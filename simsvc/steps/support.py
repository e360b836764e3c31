"""How well the gallery knows faces like this one."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simsvc.values import FloatVector, Neighbour, SupportScale

K = 10
"""The tenth neighbour: a few twins in the gallery do not make a face known, and ten are still near.
Source: Ramaswamy, Rastogi and Shim, "Efficient Algorithms for Mining Outliers from Large Data Sets", SIGMOD
2000, who rank by the distance to the k-th neighbour."""
LEAST_SUPPORT = 0.01
"""Below it a face is unlike the gallery: by construction one in a hundred of the gallery's own faces is."""
DECIMALS = 6
"""Of the percentiles on record: far finer than float32 embeddings are, and the same on every machine."""
ROWS_A_BLOCK = 256
"""Rows of the distance matrix held at once: 43 MB for a gallery of 21,000."""


def measure(embeddings: FloatVector, k: int = K) -> SupportScale | None:
    """Measure a gallery of unit vectors, float32 (N, D); None where no face has k others.

    The search is exact and in float64, so that the same rows give the same figures on every machine.
    """
    if len(embeddings) <= k:
        return None
    percentiles = np.percentile(kth_distances(embeddings, k), np.arange(101))
    return SupportScale(k, tuple(round(float(value), DECIMALS) for value in percentiles))


def kth_distances(embeddings: FloatVector, k: int) -> NDArray[np.float64]:
    """Return each row's angular distance to its k-th nearest other row: float64 (N,), 0..2."""
    rows = embeddings.astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    found = np.empty(len(rows))
    for start in range(0, len(rows), ROWS_A_BLOCK):
        cosines = rows[start : start + ROWS_A_BLOCK] @ rows.T
        own = np.arange(len(cosines))
        cosines[own, start + own] = -np.inf
        kth = -np.partition(-cosines, k - 1, axis=1)[:, k - 1]
        found[start : start + ROWS_A_BLOCK] = np.sqrt(2.0 * (1.0 - kth.clip(-1.0, 1.0)))
    return found


def support(found: Sequence[Neighbour], scale: SupportScale | None) -> float | None:
    """Return the share of the gallery's faces at least as far from their k-th neighbour as this face is.

    Args:
        found: what the index found, nearest first and with duplicates, as the gallery's own were counted.
        scale: of the index; percentiles are joined by straight lines.

    Returns:
        0..1, or None where the index has no scale or found fewer than k.
    """
    if scale is None or len(found) < scale.k:
        return None
    return share_as_far(found[scale.k - 1].distance, scale)


def share_as_far(distance: float, scale: SupportScale) -> float:
    """Return the share of the gallery's faces whose k-th neighbour is at least `distance` (angular) away."""
    marks = scale.percentiles
    above = bisect_left(marks, distance)
    if above == 0:
        return 1.0
    if above == len(marks):
        return 0.0
    step = (distance - marks[above - 1]) / (marks[above] - marks[above - 1])
    return 1.0 - (above - 1 + step) / 100.0
