from __future__ import annotations

import pytest

from simsvc.domain.desk.triage import Order, Shown, TriagedPhoto, arranged, filter_counts

PHOTOS = [
    TriagedPhoto(0, "waiting", case="B"),
    TriagedPhoto(1, "reliable", "fits", 1.0, "C", is_recorded=True),
    TriagedPhoto(2, "reliable", None, 2.0, is_recorded=True, is_decided=True),
    TriagedPhoto(3, "unreliable", "cannot_tell", 1.5, "A", is_recorded=True),
    TriagedPhoto(4, "reliable", "outside", 1.0, is_recorded=True, is_decided=True),
    TriagedPhoto(5, "reliable", "outside", 2.0, is_recorded=True),
    TriagedPhoto(6, "erased"),
    TriagedPhoto(7, "unreliable", None, None, is_recorded=True),
]


@pytest.mark.parametrize(
    ("order", "positions"),
    [
        ("doubt", [5, 4, 3, 7, 2, 1, 0, 6]),
        ("upload", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("case", [3, 0, 1, 2, 4, 5, 6, 7]),
    ],
)
def test_the_most_doubtful_come_first(order: Order, positions: list[int]) -> None:
    """Outside the range, then unreliable, then by the expected error; what waits comes last."""
    assert arranged(PHOTOS, "all", order) == positions


@pytest.mark.parametrize(
    ("shown", "positions"),
    [
        ("undecided", [5, 3, 7, 1]),
        ("outside", [5, 4]),
        ("cannot_tell", [3]),
        ("fits", [1]),
        ("no_age", [7, 2]),
    ],
)
def test_a_filter_shows_results_only(shown: Shown, positions: list[int]) -> None:
    """What waits or is erased is under no filter; the counts agree with the lists."""
    assert arranged(PHOTOS, shown) == positions
    assert filter_counts(PHOTOS)[shown] == len(positions)
