"""What the index found to the neighbours that are shown."""

from __future__ import annotations

from collections.abc import Sequence

from simsvc.values import Neighbour

SAME_PHOTO_DISTANCE = 1e-5
"""Two faces of one label whose distances to the query differ by less are the same photo filed under two
names: float32 embeddings of equal pixels agree to 1e-6, while different photos rarely lie so close."""


def rank(found: Sequence[Neighbour], count: int) -> tuple[Neighbour, ...]:
    """Return the `count` nearest faces, nearest first, each face and each photo once.

    Faces at one distance but with different labels are kept: that the labels disagree is evidence too.
    """
    ranked: list[Neighbour] = []
    seen: set[str] = set()
    for near in sorted(found, key=lambda n: (n.distance, n.face_id)):
        if near.face_id not in seen and not _same_photo(near, ranked):
            ranked.append(near)
        seen.add(near.face_id)
    return tuple(ranked[:count])


def _same_photo(near: Neighbour, ranked: Sequence[Neighbour]) -> bool:
    for other in reversed(ranked):
        if near.distance - other.distance >= SAME_PHOTO_DISTANCE:
            return False  # those before it lie further away still
        if other.age_years == near.age_years:
            return True
    return False
