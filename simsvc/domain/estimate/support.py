"""How well the gallery covers faces like this one."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simsvc.domain.gallery.nearest import distances, nearest_cosines, spread, unit
from simsvc.values import FloatVector, Neighbour, SupportScale

K = 10
"""The tenth neighbour, so that a few near-identical faces do not count as good coverage.
Source: Ramaswamy, Rastogi and Shim, "Efficient Algorithms for Mining Outliers from Large Data Sets", SIGMOD
2000, who rank by the distance to the k-th neighbour."""
LEAST_SUPPORT = 0.01
"""Minimum support: below it are 1% of the gallery's own faces."""
DECIMALS = 6
"""Decimals of recorded percentiles: fine enough, and the same on every machine."""
EVERY_FACE_UP_TO = 25_000
MOST_ASKED = 5_000
"""Faces used in a larger gallery, evenly spread; using all takes quadratic time, hours at a million. The
share of faces beyond the first percentile is then off by 0.0014 (binomial)."""
ROWS_A_BLOCK = 256
"""Faces per lookup: 34 MB of cosines, see `nearest`."""


def measure(embeddings: FloatVector, k: int = K) -> SupportScale | None:
    """Measure unit vectors, float32 (N, D), by exact search in float64, or return None with too few faces."""
    if len(embeddings) <= k:
        return None
    percentiles = np.percentile(kth_distances(embeddings, k), np.arange(101))
    return SupportScale(k, tuple(round(float(value), DECIMALS) for value in percentiles))


def kth_distances(embeddings: FloatVector, k: int) -> NDArray[np.float64]:
    """Return rows' angular distances to their k-th nearest other row: float64, 0..2, in the rows' order.

    For every row up to `EVERY_FACE_UP_TO`, beyond it for `MOST_ASKED`.
    """
    most = MOST_ASKED if len(embeddings) > EVERY_FACE_UP_TO else EVERY_FACE_UP_TO
    asked = spread(len(embeddings), most)
    blocks = [asked[start : start + ROWS_A_BLOCK] for start in range(0, len(asked), ROWS_A_BLOCK)]
    # the row itself is the first of its k + 1 nearest, or as near as the first
    found = [nearest_cosines(embeddings, unit(embeddings[block]), k + 1)[:, k] for block in blocks]
    return distances(np.concatenate(found))


def support(found: Sequence[Neighbour], scale: SupportScale | None) -> float | None:
    """Return the share of the gallery's faces at least as far from their k-th neighbour, 0..1.

    The results have duplicates and are nearest first; None without a scale or with fewer than k of them.
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
