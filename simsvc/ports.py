"""Protocols behind which the outside world stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from simsvc.values import (
    Crop,
    Estimate,
    Face,
    FloatVector,
    Neighbour,
    Photo,
    Prediction,
    RecordedEstimate,
    SupportScale,
)


class Detector(Protocol):
    """Finds faces."""

    def detect(self, photo: Photo) -> tuple[Face, ...]:
        """Return every face found, largest first, in pixels of `photo.rgb`."""
        ...


class Model(Protocol):
    """Age and embedding in one pass."""

    @property
    def version(self) -> str:
        """Short name of the bundle, shown to people."""
        ...

    @property
    def sha256(self) -> str:
        """Of the weights: an index is valid for exactly one."""
        ...

    @property
    def dims(self) -> int:
        """D, the length of an embedding."""
        ...

    @property
    def input_px(self) -> int:
        """S, the side of the crops that `predict` takes."""
        ...

    @property
    def crop_margin(self) -> float:
        """Side of the crop over the longer side of the detector's box."""
        ...

    def predict(self, crops: Sequence[Crop]) -> Prediction:
        """Return age and embedding of N >= 1 crops of side `input_px`."""
        ...


class Index(Protocol):
    """Finds the nearest labelled faces."""

    @property
    def label(self) -> str:
        """Name the build as records do: name/build."""
        ...

    @property
    def count(self) -> int:
        """How many faces it holds."""
        ...

    @property
    def support_scale(self) -> SupportScale | None:
        """Tell how far apart its own faces are, or None where that was never measured."""
        ...

    def search(self, embedding: FloatVector, k: int) -> tuple[Neighbour, ...]:
        """Return the k nearest faces of a unit vector (D,), nearest first."""
        ...

    def thumbnail(self, face_id: str) -> bytes:
        """Return the face's thumbnail as JPEG bytes.

        Raises:
            FaceNotFound: no such face in this build.
        """
        ...


class Recorder(Protocol):
    """Puts estimates on record."""

    def record(self, estimate: Estimate) -> RecordedEstimate:
        """Store the estimate in one transaction and return it as recorded.

        Raises:
            StoreError: the database cannot be written.
        """
        ...
