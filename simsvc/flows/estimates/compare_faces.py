"""Choose the reference faces for comparison: one per photo, without the photo itself."""

from __future__ import annotations

from functools import cached_property

from simsvc.domain.estimate.rank import Compared, compare
from simsvc.domain.gallery.importing.same_photo import (
    EQUAL_DISTANCE,
    FARTHEST,
    Look,
    miniature,
    miniature_of_jpeg,
)
from simsvc.errors import FaceNotFound
from simsvc.ports import Index
from simsvc.values import Crop, FloatVector, Neighbour

MOST_ASKED = 1_000
"""Maximum number of results requested from the index for one photo."""


def one_vote_each(
    found: tuple[Neighbour, ...], asked: int, wanted: int, judged: JudgedFace, index: Index
) -> Compared:
    """Filter search results, and request more while copies leave too few."""
    compared = compare(found, lambda near: judged.cut_from_photo_of(near, index))
    while len(compared.neighbours) < wanted and len(found) == asked < MOST_ASKED:
        asked = min(2 * asked, MOST_ASKED)
        found = index.search(judged.embedding, asked)
        compared = compare(found, lambda near: judged.cut_from_photo_of(near, index))
    return compared


class JudgedFace:
    """The query face for comparison with the gallery."""

    def __init__(self, crop: Crop, embedding: FloatVector) -> None:
        self.embedding = embedding
        self._crop = crop

    def cut_from_photo_of(self, near: Neighbour, index: Index) -> bool:
        """Return whether a reference face comes from the same photo or a copy of it."""
        if near.distance <= EQUAL_DISTANCE:
            return True
        if near.distance > FARTHEST:
            return False
        try:
            thumbnail = index.thumbnail(near.face_id)
        except FaceNotFound:
            return False
        return self._look.same_photo(miniature_of_jpeg(thumbnail))

    @cached_property
    def _look(self) -> Look:
        return Look(miniature(self._crop.rgb))
