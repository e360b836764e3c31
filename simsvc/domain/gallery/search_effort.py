"""How many trees and candidates an index gets: the least that finds what is to be found.

Measured on the 21,332 embeddings of UTKFace and on a million drawn around them (`make bench-index`): at equal
candidates more trees find no more, but cost build time, bytes and their own descent. So the rule begins with
few trees, and adds candidates before it adds trees.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from simsvc.domain.gallery.recall import K, Questions, Search, recall
from simsvc.values import Recall

TARGET = 0.98
"""Of recall@10. What is missed is replaced by a face just behind: the tenth distance changes little."""
MARGIN = 0.005
"""Added to the target, because the share is that of a sample: other questions shall find 0.98 as well."""
TREES = (10, 20, 40)
CANDIDATES = (500, 700, 1_000, 1_400, 2_000, 2_800, 4_000, 5_600, 8_000)
"""Steps of the square root of two. The last costs 0.9 ms a search in a million faces, on one thread."""
Searches = Callable[[int], Search]
"""Takes search_k; returns a forest's search with so many candidates."""


@dataclass(frozen=True, slots=True)
class Effort:
    """What one search inspects, and what it finds so.

    Attributes:
        trees: of the forest.
        search_k: candidates inspected for the `K` nearest.
        measured: the shares found.
    """

    trees: int
    search_k: int
    measured: Recall


def least_effort(asked: tuple[Questions, Questions], grown: Callable[[int], Searches]) -> Effort:
    """Return the least effort that reaches the target for both kinds of questions, or the largest there is.

    Args:
        asked: faces of the build themselves, and vectors beside them.
        grown: grows a forest of so many trees; called with more trees only where fewer do not reach it. The
            last one that it grew is the one of the effort returned.
    """
    for trees in TREES:
        effort = _least_candidates(asked, trees, grown(trees))
        if _reached(effort.measured):
            break
    return effort


def _least_candidates(asked: tuple[Questions, Questions], trees: int, searches: Searches) -> Effort:
    """Halve the steps, more candidates finding at least as much."""

    @cache
    def found(search_k: int) -> Recall:
        return recall(asked, searches(search_k))

    place = bisect_left(CANDIDATES, True, key=lambda search_k: _reached(found(search_k)))
    search_k = CANDIDATES[min(place, len(CANDIDATES) - 1)]
    return Effort(trees, search_k, found(search_k))


def _reached(shares: Recall) -> bool:
    return shares.share >= TARGET + MARGIN


def search_k_for(search_k: int, trees: int, k: int) -> int:
    """Return the candidates for the k nearest where `search_k` was chosen for `K`: in proportion."""
    return max(search_k, search_k * k // K, k * trees)
