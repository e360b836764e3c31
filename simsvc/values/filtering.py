"""Filters for reference faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from simsvc.values.faces import LabelledFace


@dataclass(frozen=True, slots=True)
class FaceFilter:
    """Data sets, and lowest and highest label (inclusive), that a search is limited to; None: no limit."""

    sources: frozenset[str] | None = None
    ages_years: tuple[float, float] | None = None

    def admits(self, face: LabelledFace) -> bool:
        """Return whether a face matches."""
        low, high = self.ages_years or (0.0, float("inf"))
        return (self.sources is None or face.source in self.sources) and low <= face.age_years <= high


EVERY_FACE = FaceFilter()

FaceSort = Literal["youngest", "oldest", "residual"]
FACE_SORTS: tuple[FaceSort, ...] = get_args(FaceSort)
"""By known age, or by the distance between known age and estimate, largest first."""


@dataclass(frozen=True, slots=True)
class FaceQuery:
    """Which reference faces to list, and in which order; `persons` are digests, None for everyone."""

    filter: FaceFilter = EVERY_FACE
    persons: frozenset[str] | None = None
    sort: FaceSort = "youngest"


@dataclass(frozen=True, slots=True)
class ListedFace:
    """A reference face with the model's estimate.

    Attributes:
        estimate_years: corrected without faces of the same person where there is a site calibration; None in
            older builds.
        person: digest of the person's name, or None.
        live: whether it was added after the build.
    """

    face: LabelledFace
    estimate_years: float | None = None
    person: str | None = None
    live: bool = False

    @property
    def residual_years(self) -> float | None:
        """Known age less estimate."""
        return None if self.estimate_years is None else self.face.age_years - self.estimate_years


@dataclass(frozen=True, slots=True)
class FaceList:
    """A page of reference faces; `count` match, and `total` and `sources` are of all."""

    faces: tuple[ListedFace, ...]
    count: int
    total: int
    sources: tuple[str, ...]
