"""Vectors to search: the embeddings of a build, and as many as wanted drawn around them.

A million labelled faces cannot be had, so vectors are drawn from a density estimate of the real ones that
follows their manifold: around a real row x with its m nearest rows n_j, x + s * sum_j w_j (n_j - x), w_j
normal with variance 1 / m, brought back to unit length. That is a draw from a Gaussian with the covariance of
the neighbourhood, so the local directions are those of the data. Source: Vincent and Bengio, "Manifold Parzen
Windows", NIPS 2002; drawing from a kernel density estimate as the smoothed bootstrap: Silverman, "Density
Estimation for Statistics and Data Analysis", 1986, section 6.4.

The spread s is fitted, not guessed: as many draws as there are real rows shall have their intrinsic
dimension, which is what makes neighbours hard to find. The report has `shape` of each size: how the distance
to the tenth neighbour shrinks with size, in the draws and in parts of the real rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simsvc.domain.gallery.nearest import distances, nearest_cosines, spread, unit

Vectors = NDArray[np.float32]
NEIGHBOURS = 16
"""m: more than the intrinsic dimension (about 10), so that draws span the local directions."""
SPREADS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1)
PROBES = 1_000
"""Rows of which distances are measured."""
QUESTIONS = 500
SEED = 7
K = 10


@dataclass(frozen=True, eq=False)
class Sample:
    """What is searched, and what for.

    Attributes:
        rows: float32 (N, D), unit length.
        questions: float32 (Q, D), not among the rows.
        least: float64 (Q,), cosine of the true tenth nearest row.
        kind: "real" or "drawn".
    """

    rows: Vectors
    questions: Vectors
    least: NDArray[np.float64]
    kind: str


class Source:
    """Real rows, some of them held out as questions, and draws around the others."""

    def __init__(self, embeddings: Vectors) -> None:
        places = np.random.default_rng(SEED).permutation(len(embeddings))
        held = min(QUESTIONS, len(embeddings) // 5)
        self.questions, self.rows = embeddings[places[:held]], embeddings[places[held:]]
        self.neighbours = _neighbours(self.rows)
        self.spread = _fitted_spread(self.rows, self.neighbours)

    def sample(self, count: int) -> Sample:
        """Return so many rows: real ones where there are as many, else drawn; questions likewise."""
        if count <= len(self.rows):
            return sample(self.rows[:count], self.questions, "real")
        questions = drawn(self.rows, self.neighbours, QUESTIONS, self.spread, SEED + 1)
        return sample(drawn(self.rows, self.neighbours, count, self.spread, SEED), questions, "drawn")


def sample(rows: Vectors, questions: Vectors, kind: str) -> Sample:
    """Return rows and questions with the truth."""
    least = nearest_cosines(rows, unit(questions), K)[:, -1]
    return Sample(rows, questions, least, kind)


def drawn(rows: Vectors, neighbours: NDArray[np.int64], count: int, wide: float, seed: int) -> Vectors:
    """Draw `count` vectors around real rows (N, D) with their neighbours (N, m), spread so wide."""
    random = np.random.default_rng(seed)
    made = np.empty((count, rows.shape[1]), dtype=np.float32)
    m = neighbours.shape[1]
    for start in range(0, count, 20_000):
        size = min(20_000, count - start)
        centres = random.integers(len(rows), size=size)
        weights = random.standard_normal((size, m), dtype=np.float32) * np.float32(wide / np.sqrt(m))
        offsets = rows[neighbours[centres]] - rows[centres][:, None, :]
        made[start : start + size] = unit(rows[centres] + np.einsum("im,imd->id", weights, offsets))
    return made


def shape(rows: Vectors, k: int = 20) -> dict[str, float]:
    """Return the median angular distance to the first and tenth other row, and the intrinsic dimension.

    Source of the dimension: Levina and Bickel, "Maximum Likelihood Estimation of Intrinsic Dimension", NIPS
    2004, inverses averaged as MacKay and Ghahramani advise (2005); k neighbours of `PROBES` rows.
    """
    near = nearest_cosines(rows, unit(rows[spread(len(rows), PROBES)]), k + 1)[:, 1:]
    far = np.maximum(distances(near), 1e-4)
    inverses = np.log(far[:, -1:] / far[:, :-1]).sum(axis=1) / (k - 2)
    return {
        "first_distance": round(float(np.median(far[:, 0])), 4),
        "tenth_distance": round(float(np.median(far[:, 9])), 4),
        "intrinsic_dimension": round(float(1.0 / inverses.mean()), 1),
    }


def _neighbours(rows: Vectors) -> NDArray[np.int64]:
    found = np.empty((len(rows), NEIGHBOURS), dtype=np.int64)
    for start in range(0, len(rows), 512):
        cosines = rows[start : start + 512] @ rows.T
        own = np.arange(len(cosines))
        cosines[own, start + own] = -np.inf
        found[start : start + 512] = np.argpartition(-cosines, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    return found


def _fitted_spread(rows: Vectors, neighbours: NDArray[np.int64]) -> float:
    wanted = shape(rows)["intrinsic_dimension"]

    def off(wide: float) -> float:
        made = drawn(rows, neighbours, len(rows), wide, SEED)
        return abs(shape(made)["intrinsic_dimension"] - wanted)

    return min(SPREADS, key=off)
