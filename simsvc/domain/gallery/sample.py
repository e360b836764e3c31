"""Sample applicants: blends of composites, so that a first estimate needs nobody's photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simsvc.domain.gallery.labels import LabelRow
from simsvc.values import RgbImage

BLENDED = 4
"""Composites in a blend. Of 4, the most similar reference face has a similarity of 0.94 to 0.98 to the blend;
a composite itself would be found at 1.00."""


@dataclass(frozen=True, slots=True)
class Sample:
    """An applicant who does not exist: which composites are blended, and the age that is declared."""

    name: str
    gender: str
    group: str
    about_years: float
    declared_years: int


SAMPLES = (
    Sample("1", "male", "white", 38.0, declared_years=38),
    Sample("2", "female", "black", 41.0, declared_years=61),
    Sample("3", "male", "asian", 47.0, declared_years=47),
)
"""With the shipped model and gallery: a declared age that fits, one outside the range, and a face that the
model is too doubtful about to tell."""


def blended_files(rows: Sequence[LabelRow], sample: Sample) -> list[str]:
    """Return the files to blend: those of the sample's kind nearest in age; none if there are too few."""
    alike = [row for row in rows if (row.gender, row.group) == (sample.gender, sample.group)]
    if len(alike) < BLENDED:
        return []
    alike.sort(key=lambda row: (abs(row.age_years - sample.about_years), row.file))
    return [row.file for row in alike[:BLENDED]]


def blend(faces: Sequence[RgbImage]) -> RgbImage:
    """Return the mean of aligned faces of one size: uint8 (H, W, 3)."""
    mean: RgbImage = np.mean(np.stack(faces), axis=0).round().astype(np.uint8)
    return mean
