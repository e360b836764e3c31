"""Crops of the faces of every source: what engines and the doubt score are measured on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from simsvc.domain.photo.crop import crop_of
from simsvc.domain.photo.decode import decode
from simsvc.domain.photo.upright import Upright, looked_at
from simsvc.errors import PhotoError, SourceEmpty
from simsvc.ports import Detector, Model
from simsvc.values import Crop
from trainer.datasets.formats.rows import Row
from trainer.datasets.held_out import SourcePart
from trainer.datasets.pack import labelled_face


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """The labelled faces of one source."""

    source: str
    crops: tuple[Crop, ...]  # N, of the model's input side
    rows: tuple[Row, ...]  # N

    @property
    def ages_years(self) -> NDArray[np.float64]:
        """Labels, float64 (N,); the middle of the window where only a window is known."""
        return np.array([row.age_years for row in self.rows], dtype=np.float64)

    @property
    def windows_years(self) -> NDArray[np.float64]:
        """Both ends of the windows that hold the ages, float64 (N, 2)."""
        return np.array([row.window_years for row in self.rows], dtype=np.float64).reshape(-1, 2)


def faces_of(part: SourcePart, model: Model, detector: Detector) -> Faces:
    """Return the faces of a part of a source, cut as the service cuts them.

    Raises:
        SourceEmpty: no photo of it can be read.
    """
    made = [(_crop(row, model, detector), row) for row in tqdm(part.rows, desc=part.name, unit="face")]
    kept = [(crop, row) for crop, row in made if crop is not None]
    if not kept:
        raise SourceEmpty(f"No photo of {part.source} can be used. Check that its folder is whole.")
    return Faces(part.name, tuple(crop for crop, _ in kept), tuple(row for _, row in kept))


def looked_at_row(row: Row, model: Model, detector: Detector) -> Upright:
    """Return the photo of a row and its faces, read as the service reads photos.

    Raises:
        PhotoError: it cannot be read.
    """
    photo = decode(row.path.read_bytes(), first_px=model.first_decode_px, reading=model.reading)
    return looked_at(photo, detector.detect, model.reading)


def labelled_crop(seen: Upright, model: Model) -> Crop:
    """Return the crop of the face that the label is of."""
    return crop_of(seen.photo, labelled_face(seen.photo, seen.faces), model.input_px, model.crop_margin)


def _crop(row: Row, model: Model, detector: Detector) -> Crop | None:
    try:
        return labelled_crop(looked_at_row(row, model, detector), model)
    except PhotoError:
        return None
