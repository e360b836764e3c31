"""Labelled photos to labelled faces: what a source hands over, and what a face is called."""

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
    """One photo with a label.

    Attributes:
        path: where it lies; never part of anything that is kept.
        reference: its name inside the source.
        age_years: the label.
        person: name that photos of one person share in the source, or None.
    """

    path: Path
    reference: str
    age_years: float
    person: str | None = None


@dataclass(frozen=True, slots=True)
class LabelledSource:
    """What a source holds.

    Attributes:
        name: of the reader, such as "utkface".
        aligned: every photo is already cut to one face, which is there even where nothing is detected.
        photos: in order of reference.
        skipped: what the source lists but cannot be used.
        notes: what people are told of the rest of the folder, a line each; no build holds it.
        composite: whether every photo is an average of several people, who are no real person together.
    """

    name: str
    aligned: bool
    photos: tuple[LabelledPhoto, ...]
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    composite: bool = False


@dataclass(frozen=True, slots=True)
class SeenFace:
    """What a build knows of a face for the site calibration.

    Attributes:
        estimate_years: the model's own.
        person: as `person_key` gives it, or None: the face is the only one of its person.
        unfit: why its error says nothing of the model's: "composites" or "training"; None where it does.
    """

    estimate_years: float
    person: str | None = None
    unfit: Literal["composites", "training"] | None = None


def person_key(source: str, photo: LabelledPhoto) -> str | None:
    """Return what tells the person of a photo from others, a digest: names are kept nowhere."""
    if photo.person is None:
        return None
    return "p" + hashlib.sha256(f"{source}/{photo.person}".encode()).hexdigest()[:16]


def labelled_face(source: str, photo: LabelledPhoto) -> LabelledFace:
    """Return the face of a photo; its id is "f" and 16 hexadecimal digits, and does not hang on the label."""
    digest = hashlib.sha256(f"{source}/{photo.reference}".encode()).hexdigest()
    return LabelledFace("f" + digest[:16], photo.age_years, source, photo.reference)


def known_ids(source: str, photo: LabelledPhoto) -> frozenset[str]:
    """Return every id that the face of a photo may have on record.

    Earlier versions took names as tables wrote them: those that were typed or copied on macOS are decomposed
    (NFD), and what was removed under such an id stays removed.
    """
    decomposed = replace(photo, reference=unicodedata.normalize("NFD", photo.reference))
    return frozenset(labelled_face(source, one).face_id for one in (photo, decomposed))


def box_of(photo: Photo, faces: tuple[Face, ...], *, aligned: bool, margin: float) -> Face | None:
    """Return the labelled face's box, or None where there is no face to be had.

    Args:
        photo: that was searched.
        faces: every detection in it.
        aligned: take the whole photo (confidence 0) where nothing at all was detected.
        margin: side of the crop over the box's side; the crop of a whole photo is its central square.
    """
    face = pick_labelled(faces, photo.width_px, photo.height_px)
    if face is not None or not aligned:
        return face
    side = min(photo.width_px, photo.height_px) / margin
    return Face((photo.width_px - side) / 2, (photo.height_px - side) / 2, side, side, 0.0)


def labels_sha256(faces: Iterable[LabelledFace]) -> str:
    """Return the sha256 over face ids and ages (in years, as `repr` of a float), one line a face."""
    lines = "".join(f"{face.face_id}\t{face.age_years!r}\n" for face in faces)
    return hashlib.sha256(lines.encode()).hexdigest()
