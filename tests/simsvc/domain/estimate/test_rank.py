from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.estimate.rank import SAME_PHOTO_DISTANCE, compare, rank
from simsvc.values import FloatVector, FoundFace, Neighbour

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


def not_own(near: Neighbour) -> bool:
    """Stand for a judged photo that is not in the gallery."""
    del near
    return False


def unit_vector(degrees: float) -> FloatVector:
    turn = np.deg2rad(degrees)
    return np.array([np.cos(turn), np.sin(turn)], dtype=np.float32)


@given(NEIGHBOURS)
def test_every_face_votes_or_is_left_out_with_its_photo(found: list[Neighbour]) -> None:
    """Voters ascend, no face twice, and none is both a voter and left out."""
    compared = compare(found, not_own)
    voters = [near.face_id for near in compared.neighbours]
    left_out = {near.face_id for photo in compared.left_out.contradictory for near in photo}
    assert len(set(voters)) == len(voters)
    assert not left_out & set(voters)
    distances = [near.distance for near in compared.neighbours]
    assert distances == sorted(distances)


@pytest.mark.parametrize("told_by", ["build", "embedding"])
def test_copies_have_one_vote_the_median_label(told_by: str) -> None:
    """Three faces of one photo stand as one, whether the build or their embeddings tell."""
    degrees = [30.0, 30.1, 30.2] if told_by == "embedding" else [30.0, 40.0, 50.0]
    copies = [
        FoundFace(f"f{place}", age, 0.5 + 0.01 * place, unit_vector(turn), 7 if told_by == "build" else None)
        for place, (age, turn) in enumerate(zip((31.0, 34.0, 30.0), degrees, strict=True))
    ]
    other = FoundFace("g", 50.0, 0.6, unit_vector(90.0))
    assert [near.age_years for near in compare([*copies, other], not_own).neighbours] == [31.0, 50.0]


def test_equal_distances_of_different_faces_are_no_copies() -> None:
    """Two faces as far from the query, but not from each other, both vote."""
    pair = [FoundFace("f1", 30.0, 0.5, unit_vector(30.0)), FoundFace("f2", 31.0, 0.5, unit_vector(-30.0))]
    assert len(compare(pair, not_own).neighbours) == 2


@pytest.mark.parametrize(("oldest", "votes"), [(35.0, 1), (35.1, 0)])
def test_a_photo_with_contradictory_labels_has_no_vote(oldest: float, votes: int) -> None:
    """Labels of one photo more than five years apart say nothing; the photo is named as left out."""
    turned = unit_vector(30.0)
    copies = [FoundFace("f1", 30.0, 0.5, turned, 3), FoundFace("f2", oldest, 0.5, turned, 3)]
    compared = compare(copies, not_own)
    assert len(compared.neighbours) == votes
    assert len(compared.left_out.contradictory) == 1 - votes


def test_the_judged_photo_and_all_its_copies_are_set_aside() -> None:
    """A copy that the build knows goes with the face that was recognized, however far away it is found."""
    own = FoundFace("own", 71.0, 0.0, unit_vector(0.0), 4)
    copy = FoundFace("copy", 20.0, 0.4, unit_vector(23.0), 4)
    other = FoundFace("other", 30.0, 0.3, unit_vector(17.0))
    compared = compare([own, other, copy], lambda near: near.face_id == "own")
    assert [near.face_id for near in compared.left_out.own] == ["own", "copy"]
    assert [near.face_id for near in compared.neighbours] == ["other"]
    assert compared.left_out.contradictory == ()


def test_few_faces_are_looked_at() -> None:
    """After the nearest ones are seen to be of other photos, the rest are not looked at."""
    asked: list[str] = []

    def is_own(near: Neighbour) -> bool:
        asked.append(near.face_id)
        return False

    compare([Neighbour(f"f{n}", 30.0, 0.1 * n) for n in range(1, 9)], is_own)
    assert asked == ["f1", "f2"]
