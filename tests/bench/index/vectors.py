"""Vectors to search: the embeddings of a build, and as many as wanted drawn around them.

A million labelled faces cannot be had, so vectors are drawn from a density estimate of the real ones that
follows their manifold: around a real row x with its m nearest rows n_j, x + s * sum_j w_j (n_j - x), w_j
normal with variance 1 / m, brought back to unit length. That is a draw from a Gaussian with the covariance of
the neighbourhood, so the local directions are those of the data. Source: Vincent and Bengio, "Manifold Parzen
Windows", NIPS 2002; drawing from a kernel density estimate as the smoothed bootstrap: Silverman, "Density
Estimation for Statistics and Data Analysis", 1986, section 6.4.

The spread s is not guessed: `fitted_spread` takes the one whose draws, as many as there are real rows, lie as
far from their tenth neighbour as the real rows do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
NEIGHBOURS = 16
"""m: more than the intrinsic dimension (about 10), so that draws span the local directions."""
SPREADS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2)
ROWS_A_BLOCK = 512
PROBES = 1_000
"""Questions, and rows of which distances are measured."""
SEED = 7


def unit(rows: NDArray[np.floating]) -> Vectors:
    """Return rows of unit length, float32."""
    found: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return found


def nearest(rows: Vectors, questions: Vectors, k: int) -> tuple[NDArray[np.int64], Vectors]:
    """Return items and cosines of the k nearest rows of each question, nearest first, by brute force."""
    items = np.empty((len(questions), k), dtype=np.int64)
    cosines = np.empty((len(questions), k), dtype=np.float32)
    step = max(1, ROWS_A_BLOCK * 20_000 // max(len(rows), 20_000))
    for start in range(0, len(questions), step):
        block = questions[start : start + step] @ rows.T
        found = np.argpartition(-block, k - 1, axis=1)[:, :k]
        found = np.take_along_axis(found, np.argsort(-np.take_along_axis(block, found, 1), axis=1), 1)
        items[start : start + step] = found
        cosines[start : start + step] = np.take_along_axis(block, found, 1)
    return items, cosines


def drawn(rows: Vectors, neighbours: NDArray[np.int64], count: int, spread: float, seed: int) -> Vectors:
    """Draw `count` vectors around real rows (N, D), each row as often as the others."""
    random = np.random.default_rng(seed)
    made = np.empty((count, rows.shape[1]), dtype=np.float32)
    m = neighbours.shape[1]
    for start in range(0, count, 20_000):
        size = min(20_000, count - start)
        centres = random.integers(len(rows), size=size)
        weights = random.standard_normal((size, m), dtype=np.float32) * (spread / np.sqrt(m))
        offsets = rows[neighbours[centres]] - rows[centres][:, None, :]
        made[start : start + size] = unit(rows[centres] + np.einsum("im,imd->id", weights, offsets))
    return made


def fitted_spread(rows: Vectors, neighbours: NDArray[np.int64]) -> float:
    """Return the spread whose draws have the real rows' median distance to the tenth neighbour."""
    wanted = shape(rows)["tenth_distance"]
    found = [
        abs(shape(drawn(rows, neighbours, len(rows), spread, SEED))["tenth_distance"] - wanted)
        for spread in SPREADS
    ]
    return SPREADS[int(np.argmin(found))]


def shape(rows: Vectors, k: int = 20) -> dict[str, float]:
    """Return the median angular distance to the first and tenth other row, and the intrinsic dimension.

    Source of the dimension: Levina and Bickel, "Maximum Likelihood Estimation of Intrinsic Dimension", NIPS
    2004, averaged over inverses as MacKay and Ghahramani advise (2005), k neighbours, over `PROBES` rows.
    """
    asked = rows[np.linspace(0, len(rows) - 1, min(PROBES, len(rows))).astype(int)]
    _, cosines = nearest(rows, asked, k + 1)
    distances = np.sqrt(np.maximum(2.0 - 2.0 * cosines[:, 1:].astype(np.float64), 1e-9))
    inverses = np.log(distances[:, -1:] / distances[:, :-1]).sum(axis=1) / (k - 2)
    return {
        "first_distance": round(float(np.median(distances[:, 0])), 4),
        "tenth_distance": round(float(np.median(distances[:, 9])), 4),
        "intrinsic_dimension": round(float(1.0 / inverses.mean()), 1),
    }
