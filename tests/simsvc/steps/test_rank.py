from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simsvc.steps.rank import SAME_PHOTO_DISTANCE, rank
from simsvc.values import Neighbour

NEIGHBOURS = st.lists(
    st.builds(
        Neighbour,
        st.sampled_from([f"f{number}" for number in range(12)]),
        st.integers(0, 100).map(float),
        st.floats(0, 2),
    ),
    max_size=40,
)


@given(NEIGHBOURS, st.integers(1, 20))
def test_ranked_neighbours_ascend_and_never_repeat(found: list[Neighbour], count: int) -> None:
    """At most `count` come back, nearest first, no face twice, nothing invented."""
    ranked = rank(found, count)
    assert len(ranked) <= count
    assert [n.distance for n in ranked] == sorted(n.distance for n in ranked)
    assert len({n.face_id for n in ranked}) == len(ranked)
    assert set(ranked) <= set(found)


@given(NEIGHBOURS)
def test_the_nearest_of_all_is_always_kept(found: list[Neighbour]) -> None:
    """The first ranked face is as near as any found."""
    ranked = rank(found, 5)
    assert not found or ranked[0].distance == min(n.distance for n in found)


def test_a_photo_filed_under_two_names_counts_once() -> None:
    """Equal distance and equal label are one photo; the next face moves up."""
    twins = [Neighbour("f1", 30.0, 0.5), Neighbour("f2", 30.0, 0.5 + SAME_PHOTO_DISTANCE / 2)]
    other = Neighbour("f3", 31.0, 0.6)
    assert rank([*twins, other], 2) == (twins[0], other)


def test_labels_that_disagree_are_both_kept() -> None:
    """One photo with two labels is evidence of doubt, so both are shown."""
    pair = (Neighbour("f1", 30.0, 0.5), Neighbour("f2", 41.0, 0.5))
    assert rank(pair, 2) == pair
