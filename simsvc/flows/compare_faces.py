"""The faces that a judged face is compared with: one of each photo, and none of the judged photo itself."""

from __future__ import annotations

from functools import cached_property

from simsvc.domain.estimate.rank import Compared, compare
from simsvc.domain.gallery.same_photo import EQUAL_DISTANCE, FARTHEST, Look, miniature, miniature_of_jpeg
from simsvc.errors import FaceNotFound
from simsvc.ports import Index
from simsvc.values import Crop, FloatVector, Neighbour

MOST_ASKED = 1_000
"""Faces asked of the index for one photo at most: with so many copies before them others are not sought."""


def one_vote_each(
    found: tuple[Neighbour, ...], asked: int, wanted: int, judged: JudgedFace, index: Index
) -> Compared:
    """Sort out what the index found, and ask it for more while copies leave too few.

    Args:
        found: the first answer.
        asked: how many faces it was asked for.
        wanted: how many photos are to be compared.
        judged: the face that was searched for.
        index: that is searched.
    """
    compared = compare(found, lambda near: judged.cut_from_photo_of(near, index))
    while len(compared.neighbours) < wanted and len(found) == asked < MOST_ASKED:
        asked = min(2 * asked, MOST_ASKED)
        found = index.search(judged.embedding, asked)
        compared = compare(found, lambda near: judged.cut_from_photo_of(near, index))
    return compared


class JudgedFace:
    """The judged face, as it is held against those of the gallery."""

    def __init__(self, crop: Crop, embedding: FloatVector) -> None:
        self.embedding = embedding
        self._crop = crop

    def cut_from_photo_of(self, near: Neighbour, index: Index) -> bool:
        """Say whether a face of the gallery is cut from the judged photo, or from a copy of it."""
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
