"""How many of the true nearest faces an approximate index finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simsvc.values import FloatVector, Neighbour

K = 12
"""As many as an estimate shows by default."""
QUERIES = 100
"""The share's standard error is then at most 0.015: k neighbours of each count."""
ROUNDING = 1e-5
"""Far more than float32 leaves of a distance, far less than lies between faces."""


@dataclass(frozen=True, slots=True)
class Recall:
    """Share of the `k` nearest found, over `queries` faces of the build itself."""

    k: int
    queries: int
    share: float


def recall(
    embeddings: FloatVector, search: Callable[[FloatVector, int], tuple[Neighbour, ...]]
) -> Recall | None:
    """Measure a search against brute force; None for a build without faces.

    Args:
        embeddings: of every face of the build, (N, D), unit length.
        search: the index's own.
    """
    if not len(embeddings):
        return None
    k, places = min(K, len(embeddings)), np.linspace(0, len(embeddings) - 1, min(QUERIES, len(embeddings)))
    shares = [_share(embeddings, embeddings[int(place)], search, k) for place in places]
    return Recall(k, len(shares), round(float(np.mean(shares)), 4))


def _share(
    embeddings: FloatVector,
    query: FloatVector,
    search: Callable[[FloatVector, int], tuple[Neighbour, ...]],
    k: int,
) -> float:
    farthest = np.partition(np.linalg.norm(embeddings - query, axis=1), k - 1)[k - 1]
    return float(sum(near.distance <= farthest + ROUNDING for near in search(query, k))) / k
