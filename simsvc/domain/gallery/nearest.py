"""Exact search in little memory, the reference for approximate search."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsvc.values import FloatVector

ROWS_A_BLOCK = 16_384
"""Rows per chunk: 52 MB of float64 cosines at 400 vectors."""


def nearest_cosines(embeddings: FloatVector, vectors: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Return the cosines of each vector's k nearest rows, descending: float64 (Q, k).

    The rows are float32 (N, D), N >= k, and the vectors float64 (Q, D), unit length.
    """
    best = np.empty((len(vectors), 0))
    for start in range(0, len(embeddings), ROWS_A_BLOCK):
        block = vectors @ unit(embeddings[start : start + ROWS_A_BLOCK]).T
        wanted = min(k, block.shape[1])
        block.partition(block.shape[1] - wanted, axis=1)  # in place, because copies would dominate the time
        near = np.concatenate([best, block[:, -wanted:]], axis=1)
        best = np.sort(near, axis=1)[:, ::-1][:, :k]
    return best


def distances(cosines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return angular distances, sqrt(2 (1 - cosine)), 0..2. Source: Annoy's README."""
    found: NDArray[np.float64] = np.sqrt(2.0 * (1.0 - cosines.clip(-1.0, 1.0)))
    return found


def unit(rows: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return rows of unit length in float64."""
    wide = rows.astype(np.float64)
    found: NDArray[np.float64] = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    return found


def spread(count: int, wanted: int) -> NDArray[np.int64]:
    """Return at most `wanted` numbers of 0..count - 1, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(wanted, count)).round().astype(np.int64))
