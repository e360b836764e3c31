"""Brute force with numpy: the oracle of the approximate index, and an index for small sets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import islice

import numpy as np

from simsvc.domain.estimate.support import measure
from simsvc.errors import FaceNotFound
from simsvc.values import (
    EVERY_FACE,
    FaceFilter,
    FloatVector,
    FoundFace,
    LabelledFace,
    Neighbour,
    SupportScale,
)


class ExactIndex:
    """Index port over embeddings held in memory."""

    def __init__(
        self,
        faces: Sequence[LabelledFace],
        embeddings: FloatVector,
        thumbnails: Sequence[bytes] = (),
        label: str = "exact/memory",
    ) -> None:
        """Hold faces and their embeddings, float32 (N, D) of unit length, row i for face i.

        Raises:
            ValueError: faces and embeddings differ in number.
        """
        if embeddings.ndim != 2 or len(embeddings) != len(faces):
            raise ValueError(f"{len(faces)} faces and embeddings {embeddings.shape} disagree")
        self._faces = tuple(faces)
        self._embeddings = embeddings
        self._thumbnails = dict(zip((face.face_id for face in faces), thumbnails, strict=False))
        self._label = label

    @property
    def label(self) -> str:
        """Name the build as records do: name/build."""
        return self._label

    @property
    def face_changes(self) -> int:
        """None: what is held in memory is held as it is."""
        return 0

    @property
    def count(self) -> int:
        """How many faces it holds."""
        return len(self._faces)

    @property
    def calibration(self) -> None:
        """None: faces in memory have no estimates."""
        return

    @cached_property
    def support_scale(self) -> SupportScale | None:
        """Measure how far apart its own faces are; None where they are too few."""
        return measure(self._embeddings)

    def search(
        self, embedding: FloatVector, k: int, wanted: FaceFilter = EVERY_FACE
    ) -> tuple[Neighbour, ...]:
        """Return the k nearest wanted faces of a unit vector (D,), nearest first; ties in item order."""
        distances = np.linalg.norm(self._embeddings - embedding, axis=1)
        order = np.argsort(distances, kind="stable")
        nearest = islice((item for item in order if wanted.admits(self._faces[item])), k)
        return tuple(
            FoundFace(
                self._faces[item].face_id,
                self._faces[item].age_years,
                float(distances[item]),
                self._embeddings[item],
            )
            for item in nearest
        )

    def thumbnail(self, face_id: str) -> bytes:
        """Return the face's thumbnail as JPEG bytes.

        Raises:
            FaceNotFound: no such face, or it came without a thumbnail.
        """
        if face_id not in self._thumbnails:
            raise FaceNotFound(
                "This index holds no picture of that face. Take an id from an estimate's list."
            )
        return self._thumbnails[face_id]
