"""Faces, predictions and neighbours: frozen dataclasses that validate themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from simsvc.values.photos import RgbImage, check_rgb

FloatVector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Face:
    """A detected face: box from its top left corner, in pixels of `Photo.rgb`; it may exceed the photo.

    Attributes:
        confidence: detection confidence, 0..1.
        landmarks_px: right eye, left eye, nose tip, right and left mouth corner (the person's right and left)
            as (x, y), or empty.
    """

    x_px: float
    y_px: float
    width_px: float
    height_px: float
    confidence: float
    landmarks_px: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if self.width_px <= 0 or self.height_px <= 0:
            raise ValueError(f"a face box needs a positive size, not {self.width_px} x {self.height_px}")
        if not 0.0 <= self.confidence <= 1.0:
            raise ValueError(f"confidence lies in 0..1, not {self.confidence}")

    @property
    def side_px(self) -> float:
        """Longer side of the box: the side of the squared box before widening."""
        return max(self.width_px, self.height_px)

    @property
    def area_px(self) -> float:
        """Area of the box in square pixels."""
        return self.width_px * self.height_px

    @property
    def centre_px(self) -> tuple[float, float]:
        """Centre (x, y) of the box."""
        return self.x_px + self.width_px / 2, self.y_px + self.height_px / 2

    def scaled(self, factor: float) -> Face:
        """Return the same face in the pixels of a photo resized by `factor`."""
        left, top = self.x_px * factor, self.y_px * factor
        marks = tuple((x * factor, y * factor) for x, y in self.landmarks_px)
        return Face(left, top, self.width_px * factor, self.height_px * factor, self.confidence, marks)


@dataclass(frozen=True, slots=True)
class PickedFace:
    """The chosen face, and whether there are others in the background."""

    face: Face
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """A face crop: uint8 (S, S, 3), for the model and for display."""

    rgb: RgbImage

    def __post_init__(self) -> None:
        check_rgb(self.rgb, "a crop")
        if self.rgb.shape[0] != self.rgb.shape[1]:
            raise ValueError(f"a crop is square, not {self.rgb.shape}")


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """The model's output for a batch of crops.

    Attributes:
        ages_years: float32 (N,).
        embeddings: float32 (N, D), each row of unit length.
        age_shares: float32 (N, 101), the distribution over ages of 0 to 100 years, each row summing to 1;
            None if the model gives none.
        view_ages_years: float32 (N, V), estimate from each view of a crop, such as its mirror image; or None.
    """

    ages_years: FloatVector
    embeddings: FloatVector
    age_shares: FloatVector | None = None
    view_ages_years: FloatVector | None = None

    def __post_init__(self) -> None:
        if self.embeddings.ndim != 2 or self.ages_years.shape != (self.embeddings.shape[0],):
            raise ValueError(f"ages {self.ages_years.shape} and embeddings {self.embeddings.shape} disagree")
        for rows in (self.age_shares, self.view_ages_years):
            if rows is not None and (rows.ndim != 2 or len(rows) != len(self.ages_years)):
                raise ValueError(f"ages {self.ages_years.shape} and {rows.shape} disagree")


@dataclass(frozen=True, slots=True)
class LabelledFace:
    """A reference face: a hash of its source and reference, its label, its data set and its name there."""

    face_id: str
    age_years: float
    source: str
    reference: str

    def __post_init__(self) -> None:
        if not 0.0 <= self.age_years <= 130.0:
            raise ValueError(f"age {self.age_years} of {self.reference} lies outside 0..130 years")


@dataclass(frozen=True, slots=True)
class FaceEvent:
    """A change of a reference face.

    Attributes:
        at: when, aware, UTC.
        by: account, token or "command", as records name them.
        what: "add", "relabel" or "remove".
        reason: as typed; empty where none was given.
        from_years: the label before; None unless relabelled with a reason.
    """

    at: datetime
    by: str
    what: str
    reason: str = ""
    from_years: float | None = None
    to_years: float | None = None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A reference face near the query.

    Attributes:
        distance: angular, sqrt(2 (1 - cosine)), 0..2, as Annoy gives it.
        estimated_age_years: the model's estimate of the face, corrected without the face itself; None in
            older records and builds.
    """

    face_id: str
    age_years: float
    distance: float
    estimated_age_years: float | None = field(default=None, kw_only=True)

    @property
    def similarity(self) -> float:
        """Cosine of the two embeddings, -1..1: 1 - distance^2 / 2."""
        return 1.0 - self.distance**2 / 2.0


@dataclass(frozen=True, slots=True, eq=False)
class FoundFace(Neighbour):
    """A neighbour with facts to detect copies; recorded as a plain neighbour.

    Attributes:
        vector: its embedding, unit length (D,).
        copies: group of near-identical faces in its build, or None.
        raw_estimate_years: the model's estimate, for site calibration; None for composites and faces of older
            builds.
    """

    vector: FloatVector
    copies: int | None = None
    raw_estimate_years: float | None = None


@dataclass(frozen=True, slots=True)
class SupportScale:
    """Percentiles 0 to 100, ascending, of the gallery's angular distances to the k-th neighbour."""

    k: int
    percentiles: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.k < 1 or len(self.percentiles) != 101:
            raise ValueError(
                f"support needs k >= 1 and 101 percentiles, not {self.k}, {len(self.percentiles)}"
            )
        if not all(0.0 <= value <= 2.0 for value in self.percentiles):
            raise ValueError("angular distances lie in 0..2")
        if list(self.percentiles) != sorted(self.percentiles):
            raise ValueError("percentiles ascend")


@dataclass(frozen=True, slots=True)
class Recall:
    """Recall at k, 0..1, by as many queries with faces of the index as with new vectors near them."""

    k: int
    queries: int
    of_rows: float
    of_others: float

    def __post_init__(self) -> None:
        if not all(0.0 <= share <= 1.0 for share in (self.of_rows, self.of_others)):
            raise ValueError(f"{self.of_rows} and {self.of_others} are no shares")

    @property
    def share(self) -> float:
        """The lower of the two."""
        return min(self.of_rows, self.of_others)
