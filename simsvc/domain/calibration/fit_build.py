"""The site calibration of a build: which faces are fitted, and their estimates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simsvc.domain.calibration.fit import ReferenceFaces, fit, no_faces
from simsvc.domain.gallery.labelled_faces import SeenFace
from simsvc.domain.gallery.near_duplicates import joined
from simsvc.values import FloatVector
from simsvc.values.site_calibration import Floats, Reason, SiteCalibration


@dataclass(frozen=True, slots=True, eq=False)
class SeenFaces:
    """The N faces of a build.

    Attributes:
        faces: all of them; without an estimate its value is NaN.
        fitted: bool (N,): which faces are part of the calibration.
    """

    faces: ReferenceFaces
    fitted: NDArray[np.bool_]
    unfit: frozenset[Reason]


@dataclass(frozen=True, slots=True, eq=False)
class FittedBuild:
    """A build's calibration, and its faces' estimates.

    Attributes:
        estimates_years: float64 (N, 2): the model's own, and corrected without the same person, for faces in
            the calibration; NaN elsewhere.
    """

    calibration: SiteCalibration
    estimates_years: Floats


def seen_faces(
    seen: Sequence[SeenFace | None],
    ages_years: Sequence[float],
    embeddings: FloatVector,
    photos: Sequence[Sequence[int]],
) -> SeenFaces | None:
    """Return the faces of a build, or None if no face has an estimate.

    `seen` has None where the model's estimate is unknown; embeddings are float32 (N, D), unit length;
    `photos` has the item numbers of each photo.
    """
    if not any(seen):
        return None
    estimates = np.array([np.nan if one is None else one.estimate_years for one in seen])
    unfit = frozenset(one.unfit for one in seen if one is not None and one.unfit is not None)
    fitted = np.array([one is not None and one.unfit is None for one in seen])
    persons = _persons(seen, photos)
    return SeenFaces(ReferenceFaces(np.array(ages_years), estimates, persons, embeddings), fitted, unfit)


def fit_build(seen: SeenFaces, model_sha256: str) -> FittedBuild:
    """Fit the calibration to the faces that allow it."""
    estimates = np.full((len(seen.faces), 2), np.nan)
    estimates[:, 0] = seen.faces.estimates_years
    if not seen.fitted.any():
        reason: Reason = "composites" if "composites" in seen.unfit else "training"
        return FittedBuild(no_faces(reason, model_sha256), estimates)
    made = fit(seen.faces.of(seen.fitted), model_sha256)
    estimates[seen.fitted, 1] = made.left_out_years
    return FittedBuild(made.calibration, estimates)


def _persons(seen: Sequence[SeenFace | None], photos: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    persons = np.empty(len(seen), dtype=np.int64)
    for number, items in enumerate(joined(len(seen), _pairs(seen, photos))):
        persons[items] = number
    return persons


def _pairs(seen: Sequence[SeenFace | None], photos: Sequence[Sequence[int]]) -> Iterator[tuple[int, int]]:
    first: dict[str, int] = {}
    for item, one in enumerate(seen):
        if one is not None and one.person is not None:
            yield first.setdefault(one.person, item), item
    for items in photos:
        yield from ((items[0], item) for item in items[1:])
