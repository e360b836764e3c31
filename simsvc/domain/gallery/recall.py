"""Recall of an approximate index, and the queries to measure it.

There are two kinds of queries. Faces of the build are easy, because the first result is the face itself. New
photos are simulated by moving such faces in a random direction, as far as their nearest neighbour. In 20,832
faces of UTKFace, 10 trees and 500 candidates find 0.973 of the neighbours of faces, 0.965 of moved faces, and
0.966 of 500 held-out faces, so moved faces are a safe substitute for new photos. `make bench-index` measures
all three.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsvc.domain.gallery.nearest import distances, nearest_cosines, spread, unit
from simsvc.values import FloatVector, Recall

K = 10
QUERIES = 400
"""4,000 neighbours of each kind: the standard error near 0.98 is about 0.003."""
TIE = 1e-6
"""Tolerance for cosines of float32 rows."""
SEED = 20_170_112
Search = Callable[[FloatVector, int], Sequence[float]]
"""Takes a unit vector (D,) and k; returns the cosines of at most k found faces."""


@dataclass(frozen=True, slots=True, eq=False)
class Questions:
    """Queries, and the cosine of the k-th true neighbour of each.

    Attributes:
        vectors: float64 (Q, D), unit length.
        least: float64 (Q,), cosine of the k-th nearest row.
    """

    k: int
    vectors: NDArray[np.float64]
    least: NDArray[np.float64]

    def share(self, search: Search) -> float:
        """Return the share of true neighbours that a search finds, 0..1."""
        asked = zip(self.vectors, self.least, strict=True)
        found = sum(
            sum(cosine >= least - TIE for cosine in search(vector, self.k)) for vector, least in asked
        )
        return round(float(found) / (self.k * len(self.vectors)), 4)

    def share_of(self, numbers: NDArray[np.integer[Any]], cosines: NDArray[np.float64]) -> float:
        """Return the same of a search of all queries at once, of found rows: numbers of queries, cosines."""
        found = int(np.count_nonzero(cosines >= self.least[numbers] - TIE))
        return round(found / (self.k * len(self.vectors)), 4)


def recall(asked: tuple[Questions, Questions], search: Search) -> Recall:
    """Return the recall of a search for both kinds of queries."""
    rows, others = asked
    return Recall(rows.k, len(rows.vectors), rows.share(search), others.share(search))


def questions(embeddings: FloatVector, count: int = QUERIES, k: int = K) -> tuple[Questions, Questions]:
    """Return both kinds of queries for rows of unit length, float32 (N, D), N >= 1.

    The true neighbours come from an exact search in float64, the same on every machine. There are `count`
    queries of each kind, from evenly spread rows, for k neighbours, at most all.
    """
    rows, k = unit(embeddings[spread(len(embeddings), count)]), min(k, len(embeddings))
    near = nearest_cosines(embeddings, rows, min(max(k, 2), len(embeddings)))
    own_nearest = distances(near[:, min(1, near.shape[1] - 1)])
    directions = unit(np.random.default_rng(SEED).standard_normal(rows.shape))
    others = unit(rows + own_nearest[:, None] * directions)
    return (
        Questions(k, rows, near[:, k - 1]),
        Questions(k, others, nearest_cosines(embeddings, others, k)[:, k - 1]),
    )
