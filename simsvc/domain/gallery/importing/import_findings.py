"""What a check of uploaded reference faces found: skipped photos, duplicates and conflicting labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from simsvc.domain.gallery.importing.same_photo import (
    EQUAL_DISTANCE,
    FARTHEST_COPIES,
    Look,
    miniature_of_jpeg,
)
from simsvc.domain.gallery.near_duplicates import joined
from simsvc.values import FloatVector
from simsvc.values.face_imports import FaceImport, ImportCheck, ImportPhoto, SkippedRow

PHOTO_YEARS = 1.0
"""Labels of one photo this far apart cannot both be right, however they are rounded."""
PERSON_YEARS = 2.0
"""Birth dates implied by two photos of one person differ by up to a year for each age in completed years."""
DAYS_A_YEAR = 365.25
_ROWS_A_BLOCK = 512


@dataclass(frozen=True, slots=True)
class PersonConflict:
    """Photos of one person whose ages and dates imply birth dates that are `years` apart."""

    person: str
    photos: tuple[ImportPhoto, ...]
    years: float


@dataclass(frozen=True, slots=True)
class Findings:
    """What to look at before a build.

    Attributes:
        usable: photos that become faces.
        unchecked: photos that were added since the check.
        skipped: what is not used, and why.
        duplicates: several files of one photo with the same label.
        contradictory: several files of one photo with different labels.
        persons: of these, ages and dates disagree.
        left_out: photos that someone left out.
    """

    usable: tuple[ImportPhoto, ...]
    unchecked: tuple[ImportPhoto, ...]
    skipped: tuple[SkippedRow, ...]
    duplicates: tuple[tuple[ImportPhoto, ...], ...]
    contradictory: tuple[tuple[ImportPhoto, ...], ...]
    persons: tuple[PersonConflict, ...]
    left_out: tuple[ImportPhoto, ...]


def findings(upload: FaceImport, check: ImportCheck) -> Findings:
    """Return what is known of an upload, by its current labels and choices."""
    reasons = {one.position: one.skipped for one in check.photos}
    usable = [photo for photo in upload.used if reasons.get(photo.position, "") is None]
    by_position = {photo.position: photo for photo in usable}
    copies = [tuple(by_position[at] for at in group if at in by_position) for group in check.copies]
    copies = [group for group in copies if len(group) > 1]
    skipped = [
        SkippedRow(photo.reference, reason)
        for photo in upload.used
        if (reason := reasons.get(photo.position)) is not None
    ]
    return Findings(
        tuple(usable),
        tuple(photo for photo in upload.used if photo.position not in reasons),
        (*upload.skipped, *skipped),
        tuple(group for group in copies if _span(group) < PHOTO_YEARS),
        tuple(group for group in copies if _span(group) >= PHOTO_YEARS),
        tuple(_persons(usable)),
        tuple(photo for photo in upload.photos if photo.left_out),
    )


def same_photos(
    embeddings: FloatVector, thumbnails: Sequence[bytes], sha256: Sequence[str]
) -> list[list[int]]:
    """Return the items of photos that occur several times: equal files, or alike by embedding and pixels.

    Embeddings are float32 (N, D), unit length.
    """
    pairs = [*_equal_files(sha256), *_alike(embeddings, thumbnails)]
    return [group for group in joined(len(sha256), pairs) if len(group) > 1]


def _equal_files(sha256: Sequence[str]) -> Iterator[tuple[int, int]]:
    first: dict[str, int] = {}
    for item, digest in enumerate(sha256):
        if (before := first.setdefault(digest, item)) != item:
            yield before, item


def _alike(embeddings: FloatVector, thumbnails: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    near, equal = (1.0 - distance**2 / 2.0 for distance in (FARTHEST_COPIES, EQUAL_DISTANCE))
    for start in range(0, len(embeddings), _ROWS_A_BLOCK):
        cosines = embeddings[start : start + _ROWS_A_BLOCK] @ embeddings.T
        for row, item in np.argwhere(cosines >= near).tolist():
            one = start + row
            if one < item and (
                cosines[row, item] >= equal
                or Look(miniature_of_jpeg(thumbnails[one])).same_photo(miniature_of_jpeg(thumbnails[item]))
            ):
                yield one, item


def _span(group: Sequence[ImportPhoto]) -> float:
    ages = [photo.age_years for photo in group]
    return max(ages) - min(ages)


def _persons(photos: Sequence[ImportPhoto]) -> Iterator[PersonConflict]:
    of_person: dict[str, list[ImportPhoto]] = {}
    for photo in photos:
        if photo.person is not None and photo.photo_date is not None:
            of_person.setdefault(photo.person, []).append(photo)
    for person, dated in of_person.items():
        born = [_day(photo) / DAYS_A_YEAR - photo.age_years for photo in dated]
        if (years := max(born) - min(born)) > PERSON_YEARS:
            yield PersonConflict(person, tuple(dated), years)


def _day(photo: ImportPhoto) -> int:
    return photo.photo_date.toordinal() if photo.photo_date else 0
