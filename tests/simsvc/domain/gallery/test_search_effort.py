from __future__ import annotations

import numpy as np
import pytest

from simsvc.domain.gallery.recall import K, Questions, Search
from simsvc.domain.gallery.search_effort import (
    CANDIDATES,
    MARGIN,
    TARGET,
    TREES,
    Searches,
    least_effort,
    search_k_for,
)

ASKED = Questions(10, np.eye(100), np.full(100, 0.5))


def finds(share: float) -> Search:
    """Return a search of which `share` of the answers, in tenths, are true."""
    return lambda _vector, k: [0.9] * round(share * k) + [0.1] * (k - round(share * k))


@pytest.mark.parametrize("enough", CANDIDATES)
def test_the_fewest_candidates_that_reach_the_target(enough: int) -> None:
    """Of the steps the first that finds enough is taken, with the fewest trees."""
    grown: list[int] = []

    def grow(trees: int) -> Searches:
        grown.append(trees)
        return lambda search_k: finds(1.0 if search_k >= enough else 0.9)

    effort = least_effort((ASKED, ASKED), grow)
    assert (effort.trees, effort.search_k, grown) == (TREES[0], enough, [TREES[0]])
    assert effort.measured.share >= TARGET + MARGIN


def test_trees_are_added_where_candidates_do_not_help() -> None:
    """A forest that finds too little with any candidates gives way to one with more trees."""
    effort = least_effort(
        (ASKED, ASKED), lambda trees: lambda _search_k: finds(1.0 if trees > TREES[0] else 0.9)
    )
    assert (effort.trees, effort.search_k) == (TREES[1], CANDIDATES[0])


def test_both_kinds_of_questions_count() -> None:
    """What finds its own faces only has not reached the target."""
    hard = Questions(10, np.eye(100), np.full(100, 0.95))
    effort = least_effort((ASKED, hard), lambda _trees: lambda _search_k: finds(1.0))
    assert (effort.measured.of_rows, effort.measured.of_others) == (1.0, 0.0)


def test_the_largest_effort_is_taken_where_none_is_enough() -> None:
    """The bound holds, and the share found is stated as it is."""
    effort = least_effort((ASKED, ASKED), lambda _trees: lambda _search_k: finds(0.9))
    assert (effort.trees, effort.search_k, effort.measured.share) == (TREES[-1], CANDIDATES[-1], 0.9)


def test_more_faces_wanted_are_more_candidates() -> None:
    """In proportion to k, never fewer than chosen, and never fewer than trees need."""
    assert search_k_for(700, 10, K) == 700
    assert search_k_for(700, 10, 24) == 1_680
    assert search_k_for(700, 10, 3) == 700
    assert search_k_for(500, 60, 24) == 1_440
