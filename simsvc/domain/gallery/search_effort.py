"""Choosing the number of trees and candidates of an index: the least that reaches the target recall.

Measured on the 21,332 embeddings of UTKFace and on a million drawn around them (`make bench-index`): at equal
candidates more trees do not find more, but cost build and search time. So the rule starts with few trees and
adds candidates before trees.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from simsvc.domain.gallery.recall import K, Questions, Search, recall
from simsvc.values import Recall

TARGET = 0.98
"""Target for recall@10. A missed face is replaced by one just behind it, at nearly the same distance."""
MARGIN = 0.005
"""Safety margin, because recall is measured on a sample."""
TREES = (10, 20, 40)
CANDIDATES = (500, 700, 1_000, 1_400, 2_000, 2_800, 4_000, 5_600, 8_000)
"""Steps of the square root of two. The last takes 0.9 ms a search in a million faces, on one thread."""
Searches = Callable[[int], Search]
"""Takes search_k; returns the search of a forest with that many candidates."""


@dataclass(frozen=True, slots=True)
class Effort:
    """Trees of a forest, candidates inspected for the `K` nearest, and the measured recall."""

    trees: int
    search_k: int
    measured: Recall


def least_effort(asked: tuple[Questions, Questions], grown: Callable[[int], Searches]) -> Effort:
    """Return the least effort that reaches the target for both kinds of queries, or the largest.

    `grown` grows a forest with a number of trees, more only if fewer do not reach the target; the last forest
    belongs to the returned effort.
    """
    for trees in TREES:
        effort = _least_candidates(asked, trees, grown(trees))
        if _reached(effort.measured):
            break
    return effort


def _least_candidates(asked: tuple[Questions, Questions], trees: int, searches: Searches) -> Effort:
    """Bisect the steps, as more candidates find at least as much."""

    @cache
    def found(search_k: int) -> Recall:
        return recall(asked, searches(search_k))

    place = bisect_left(CANDIDATES, True, key=lambda search_k: _reached(found(search_k)))
    search_k = CANDIDATES[min(place, len(CANDIDATES) - 1)]
    return Effort(trees, search_k, found(search_k))


def _reached(shares: Recall) -> bool:
    return shares.share >= TARGET + MARGIN


def search_k_for(search_k: int, trees: int, k: int) -> int:
    """Return the candidates for k neighbours, in proportion to `search_k` for `K`."""
    return max(search_k, search_k * k // K, k * trees)
