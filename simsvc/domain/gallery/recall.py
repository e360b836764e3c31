"""How many of the true nearest faces an approximate index finds, and what it is asked to tell that.

Two kinds of questions. Faces of the build itself are easy: the first answer is the face asked about. New
photos lie beside them, so the other kind are such faces moved in a random direction, as far as their own
nearest neighbour is. In 20,832 faces of UTKFace, 10 trees and 500 candidates find 0.973 of the faces' own
nearest, 0.965 of those beside them, and 0.966 of those of 500 held-out faces: what lies beside stands for
what is new, and errs on the safe side. `make bench-index` measures all three.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simsvc.domain.gallery.nearest import distances, nearest_cosines, spread, unit
from simsvc.values import FloatVector, Recall

K = 10
QUERIES = 400
"""4,000 neighbours of either kind: near 0.98 the share's standard error is about 0.003."""
TIE = 1e-6
"""Cosines of float32 rows that differ by less are the same."""
SEED = 20_170_112
"""Of the directions; any fixed number would do."""
Search = Callable[[FloatVector, int], Sequence[float]]
"""Takes a unit vector (D,) and k; returns the cosines of the faces that it found, at most k."""


@dataclass(frozen=True, slots=True, eq=False)
class Questions:
    """What an index is asked, and how near the k-th true answer of each question is.

    Attributes:
        k: nearest faces asked for.
        vectors: float64 (Q, D), unit length.
        least: float64 (Q,), cosine of the k-th nearest row, which every true answer reaches.
    """

    k: int
    vectors: NDArray[np.float64]
    least: NDArray[np.float64]

    def share(self, search: Search) -> float:
        """Return the share of the true answers that a search finds, 0..1."""
        asked = zip(self.vectors, self.least, strict=True)
        found = sum(
            sum(cosine >= least - TIE for cosine in search(vector, self.k)) for vector, least in asked
        )
        return round(float(found) / (self.k * len(self.vectors)), 4)


def recall(asked: tuple[Questions, Questions], search: Search) -> Recall:
    """Return what a search finds of either kind of questions."""
    rows, others = asked
    return Recall(rows.k, len(rows.vectors), rows.share(search), others.share(search))


def questions(embeddings: FloatVector, count: int = QUERIES, k: int = K) -> tuple[Questions, Questions]:
    """Return the two kinds of questions to rows of unit length, float32 (N, D), N >= 1, with their truth.

    The truth is an exact search in float64, so that it is the same on every machine.

    Args:
        embeddings: of every face of the build.
        count: how many of either kind; rows are taken evenly spread, each once at most.
        k: nearest faces asked for; all of them where there are fewer.
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
