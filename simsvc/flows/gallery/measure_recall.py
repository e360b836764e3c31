"""Measure recall and speed of an index build against an exact search."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from simsvc.domain.gallery.recall import QUERIES, K, Questions, questions, recall
from simsvc.values import FloatVector, Neighbour, Recall

EXACT_ROUNDS = 20
"""Number of timed exact searches: enough for a median, a second at a million faces."""


class Searched(Protocol):
    """An opened build."""

    def embeddings(self) -> FloatVector:
        """Return every embedding, float32 (N, D)."""

    def search(self, embedding: FloatVector, k: int) -> tuple[Neighbour, ...]:
        """Return the k nearest faces of a unit vector (D,), nearest first."""


@dataclass(frozen=True, slots=True)
class TimedRecall:
    """Recall, and the median times on one thread of a search and of an exact one by numpy."""

    recall: Recall
    p50_ms: float
    exact_ms: float


def measure_recall(index: Searched, queries: int = QUERIES, k: int = K) -> TimedRecall:
    """Search a build with both kinds of queries (`domain.gallery.recall`)."""
    rows = index.embeddings()
    asked, times_s = questions(rows, queries, k), list[float]()

    def search(vector: FloatVector, k: int) -> list[float]:
        start = time.perf_counter()
        found = index.search(vector, k)
        times_s.append(time.perf_counter() - start)
        return [near.similarity for near in found]

    shares = recall(asked, search)
    return TimedRecall(shares, 1e3 * float(np.median(times_s)), _exact_ms(rows, asked[1]))


def _exact_ms(rows: FloatVector, asked: Questions) -> float:
    times_s = []
    for vector in asked.vectors[:EXACT_ROUNDS].astype(np.float32):
        start = time.perf_counter()
        cosines = rows @ vector
        np.argsort(-cosines[np.argpartition(-cosines, asked.k - 1)[: asked.k]])
        times_s.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times_s))
