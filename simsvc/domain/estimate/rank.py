"""What the index found to the neighbours that are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from simsvc.domain.gallery.near_duplicates import contradict, joined
from simsvc.domain.gallery.same_photo import EQUAL_DISTANCE
from simsvc.values import FoundFace, Neighbour

SAME_PHOTO_DISTANCE = 1e-5
"""Two faces of one label whose distances to the query differ by less are the same photo filed under two
names: float32 embeddings of equal pixels agree to 1e-6, while different photos rarely lie so close."""
MISSES = 2
"""Photos found not to be the judged one before the rest, which look less alike, are no longer looked at."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Faces that were found and have no part in the comparison.

    Attributes:
        own: those of the judged photo itself, nearest first.
        contradictory: photos whose labels contradict each other, the faces of each.
    """

    own: tuple[Neighbour, ...] = ()
    contradictory: tuple[tuple[Neighbour, ...], ...] = ()


NOTHING = LeftOut()


@dataclass(frozen=True, slots=True)
class Compared:
    """What the index found, one photo one vote.

    Attributes:
        neighbours: one face of each photo, nearest first.
        left_out: all others that have no other face of theirs among these.
    """

    neighbours: tuple[Neighbour, ...]
    left_out: LeftOut = NOTHING


def rank(found: Sequence[Neighbour], count: int) -> tuple[Neighbour, ...]:
    """Return the `count` nearest faces, nearest first, each face and each photo once.

    Faces at one distance but with different labels are kept. So answered models of reading 1, whose
    estimates are replayed with it.
    """
    ranked: list[Neighbour] = []
    seen: set[str] = set()
    for near in _by_distance(found):
        if near.face_id not in seen and not _same_photo(near, ranked):
            ranked.append(near)
        seen.add(near.face_id)
    return tuple(
        Neighbour(near.face_id, near.age_years, near.distance, estimated_age_years=near.estimated_age_years)
        for near in ranked[:count]
    )


def compare(found: Sequence[Neighbour], is_own: Callable[[Neighbour], bool]) -> Compared:
    """Give each photo among the faces that were found one vote, and none to the judged photo itself.

    For a photo with several faces stands the one with the median label, the lower of two; where the labels
    contradict each other the photo says nothing about age, and is left out.

    Args:
        found: by the index.
        is_own: says whether a face is cut from the judged photo; asked nearest first, until `MISSES` are not.
    """
    own: list[Neighbour] = []
    votes: list[Neighbour] = []
    contradictory: list[tuple[Neighbour, ...]] = []
    misses = 0
    for photo in _photos(_once(found)):
        if misses < MISSES and is_own(photo[0]):
            own += photo
            continue
        misses += 1
        if len(photo) == 1:
            votes += photo
        elif contradict([near.age_years for near in photo]):
            contradictory.append(photo)
        else:
            votes.append(_median(photo))
    left_out = LeftOut(tuple(_by_distance(own)), tuple(contradictory))
    return Compared(tuple(_by_distance(votes)), left_out)


def _once(found: Sequence[Neighbour]) -> list[Neighbour]:
    """Return each face once, nearest first."""
    faces: dict[str, Neighbour] = {}
    for near in _by_distance(found):
        faces.setdefault(near.face_id, near)
    return list(faces.values())


def _by_distance(found: Sequence[Neighbour]) -> list[Neighbour]:
    return sorted(found, key=lambda near: (near.distance, near.face_id))


def _median(photo: Sequence[Neighbour]) -> Neighbour:
    """Return the face with the median label, the nearest of those that have it."""
    ages = sorted(near.age_years for near in photo)
    return next(near for near in photo if near.age_years == ages[(len(ages) - 1) // 2])


def _photos(found: Sequence[Neighbour]) -> list[tuple[Neighbour, ...]]:
    """Part different faces, nearest first, by the photo that they are cut from."""
    pairs = (*_pairs_of_build(found), *_near_pairs(found))
    if not pairs:
        return [(near,) for near in found]
    groups = joined(len(found), pairs)
    return [tuple(found[place] for place in group) for group in groups]


def _pairs_of_build(found: Sequence[Neighbour]) -> Iterator[tuple[int, int]]:
    first: dict[int, int] = {}
    for place, near in enumerate(found):
        if isinstance(near, FoundFace) and near.copies is not None:
            yield first.setdefault(near.copies, place), place


def _near_pairs(found: Sequence[Neighbour]) -> Iterator[tuple[int, int]]:
    """Give the places of faces whose embeddings are near-identical.

    Where the index gives no embeddings, equal distances to the query stand for it.
    """
    vectors = [near.vector for near in found if isinstance(near, FoundFace)]
    if found and len(vectors) == len(found):
        rows = np.asarray(vectors, dtype=np.float32)
        alike = rows @ rows.T > _EQUAL_COSINE
        if np.count_nonzero(alike) > len(found):  # more than each with itself
            yield from map(tuple, np.argwhere(np.triu(alike, 1)).tolist())
        return
    for place in range(1, len(found)):
        if found[place].distance - found[place - 1].distance < SAME_PHOTO_DISTANCE:
            yield place - 1, place


def _same_photo(near: Neighbour, ranked: Sequence[Neighbour]) -> bool:
    for other in reversed(ranked):
        if near.distance - other.distance >= SAME_PHOTO_DISTANCE:
            return False  # those before it lie further away still
        if other.age_years == near.age_years:
            return True
    return False


_EQUAL_COSINE = 1.0 - EQUAL_DISTANCE**2 / 2.0
