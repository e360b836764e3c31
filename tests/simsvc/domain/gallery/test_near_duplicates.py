from __future__ import annotations

import pytest

from simsvc.domain.gallery.near_duplicates import (
    LabelledCopy,
    NearDuplicates,
    contradict,
    joined,
    numbered,
    summary,
)
from simsvc.values import LabelledFace


def test_pairs_join_into_groups_in_any_order() -> None:
    """A chain of pairs is one group; every item is in exactly one."""
    for pairs in ([(0, 3), (3, 5), (1, 2)], [(2, 1), (5, 3), (3, 0)]):
        assert joined(6, pairs) == [[0, 3, 5], [1, 2], [4]]


def test_groups_are_numbered_by_their_first_item() -> None:
    """A face without a copy has no number."""
    assert numbered([[0, 3], [1], [2]], 4).tolist() == [0, -1, -1, 0]


@pytest.mark.parametrize(("ages", "said"), [((30.0, 35.0), False), ((30.0, 35.5), True), ((7.0,), False)])
def test_labels_contradict_beyond_five_years(ages: tuple[float, ...], said: bool) -> None:
    """Five years apart still agree."""
    assert contradict(ages) is said


def test_the_summary_counts_and_lists() -> None:
    """Photos with several faces, the faces beyond one each, and those whose labels contradict."""
    faces = [
        LabelledFace(f"f{n}", age, "s", f"{n}.jpg") for n, age in enumerate((20.0, 40.0, 30.0, 31.0, 50.0))
    ]
    torn = (LabelledCopy("s", "0.jpg", 20.0), LabelledCopy("s", "1.jpg", 40.0))
    assert summary([[0, 1], [2, 3], [4]], faces) == NearDuplicates(2, 2, (torn,))
