"""Sources of reference photos, and the IDs of their faces."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from simsvc.domain.gallery.manifest import Skipped
from simsvc.domain.photo.face_choice import pick_labelled
from simsvc.values import Face, LabelledFace, Photo


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """A photo with a label; its path is never stored, and `person` is the same for photos of one person."""

    path: Path
    reference: str
    age_years: float
    person: str | None = None


@dataclass(frozen=True, slots=True)
class LabelledSource:
    """The photos of a source.

    Attributes:
        name: of the reader, such as "utkface".
        aligned: whether every photo is already cropped to one face, even if none is detected.
        photos: in order of reference.
        skipped: unusable entries of the source.
        notes: lines about the rest of the folder; not part of a build.
        composite: whether every photo is an average of several people.
    """

    name: str
    aligned: bool
    photos: tuple[LabelledPhoto, ...]
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    composite: bool = False


@dataclass(frozen=True, slots=True)
class SeenFace:
    """Facts about a face for the site calibration.

    Attributes:
        estimate_years: the model's own.
        person: from `person_key`, or None for the only face of a person.
        unfit: why it is not used: "composites" or "training"; None if it is.
    """

    estimate_years: float
    person: str | None = None
    unfit: Literal["composites", "training"] | None = None


def person_key(source: str, photo: LabelledPhoto) -> str | None:
    """Return a digest that identifies the person of a photo; names are not stored."""
    if photo.person is None:
        return None
    return person_digest(source, photo.person)


def person_digest(source: str, person: str) -> str:
    """Return the digest of a person's name in a source: "p" and 16 hex digits."""
    return "p" + hashlib.sha256(f"{source}/{person}".encode()).hexdigest()[:16]


def labelled_face(source: str, photo: LabelledPhoto) -> LabelledFace:
    """Return the face of a photo; its ID is "f" and 16 hex digits, independent of the label."""
    digest = hashlib.sha256(f"{source}/{photo.reference}".encode()).hexdigest()
    return LabelledFace("f" + digest[:16], photo.age_years, source, photo.reference)


def known_ids(source: str, photo: LabelledPhoto) -> frozenset[str]:
    """Return all IDs that the face of a photo may have in records.

    Earlier versions did not normalise names, which are decomposed (NFD) on macOS; faces removed under such an
    ID stay removed.
    """
    decomposed = replace(photo, reference=unicodedata.normalize("NFD", photo.reference))
    return frozenset(labelled_face(source, one).face_id for one in (photo, decomposed))


def box_of(photo: Photo, faces: tuple[Face, ...], *, aligned: bool, margin: float) -> Face | None:
    """Return the box of the labelled face, or None without a usable face.

    If nothing is detected, an aligned photo is used whole (confidence 0): its crop is the central square.
    `margin` is crop side divided by box side.
    """
    face = pick_labelled(faces, photo.width_px, photo.height_px)
    if face is not None or not aligned:
        return face
    side = min(photo.width_px, photo.height_px) / margin
    return Face((photo.width_px - side) / 2, (photo.height_px - side) / 2, side, side, 0.0)


def labels_sha256(faces: Iterable[LabelledFace]) -> str:
    """Return the SHA-256 of face IDs and ages (in years, as `repr` of a float), one line per face."""
    lines = "".join(f"{face.face_id}\t{face.age_years!r}\n" for face in faces)
    return hashlib.sha256(lines.encode()).hexdigest()
