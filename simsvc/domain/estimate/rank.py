"""From search results to neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from simsvc.domain.gallery.importing.same_photo import EQUAL_DISTANCE
from simsvc.domain.gallery.near_duplicates import contradict, joined
from simsvc.values import FoundFace, Neighbour

SAME_PHOTO_DISTANCE = 1e-5
"""Faces with equal labels whose distances differ by less are the same photo under two names: float32
embeddings of equal pixels agree to 1e-6, and different photos are rarely this close."""
MISSES = 2
"""Number of different photos after which the less similar rest is not checked."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Faces of the photo itself, nearest first, and, by photo, faces of photos with conflicting labels."""

    own: tuple[Neighbour, ...] = ()
    contradictory: tuple[tuple[Neighbour, ...], ...] = ()


NOTHING = LeftOut()


@dataclass(frozen=True, slots=True)
class Compared:
    """Neighbours, one face of each photo, nearest first, and the faces left out."""

    neighbours: tuple[Neighbour, ...]
    left_out: LeftOut = NOTHING


def rank(found: Sequence[Neighbour], count: int) -> tuple[Neighbour, ...]:
    """Return the `count` nearest faces, each face and photo once.

    Faces at equal distance with different labels are kept. Used to replay estimates of models with reading 1.
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
    """Return one face per photo, without the estimated photo itself.

    A photo with several faces is represented by the face with the (lower) median label; photos with
    conflicting labels are left out. `is_own` is asked nearest first, until `MISSES` faces are not from the
    same photo.
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
    faces: dict[str, Neighbour] = {}
    for near in _by_distance(found):
        faces.setdefault(near.face_id, near)
    return list(faces.values())


def _by_distance(found: Sequence[Neighbour]) -> list[Neighbour]:
    return sorted(found, key=lambda near: (near.distance, near.face_id))


def _median(photo: Sequence[Neighbour]) -> Neighbour:
    ages = sorted(near.age_years for near in photo)
    return next(near for near in photo if near.age_years == ages[(len(ages) - 1) // 2])


def _photos(found: Sequence[Neighbour]) -> list[tuple[Neighbour, ...]]:
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
    """Yield pairs of faces with near-identical embeddings, or, without, at equal distances to the query."""
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
            return False  # earlier ones are even further away
        if other.age_years == near.age_years:
            return True
    return False


_EQUAL_COSINE = 1.0 - EQUAL_DISTANCE**2 / 2.0
