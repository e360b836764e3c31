"""Crops of every source that developers have: what engines and the doubt score are measured on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from simsvc.errors import PhotoError, SourceEmpty
from simsvc.ports import Detector, Model
from simsvc.steps.crop import crop_of
from simsvc.steps.decode import decode
from simsvc.steps.upright import looked_at
from simsvc.values import Crop
from trainer.corpus import parse_sources
from trainer.datasets.merge import merged
from trainer.datasets.rows import Row
from trainer.pack import labelled_face
from trainer.withhold_faces import drawn

DATA = Path("../shared/data")
OTHERS = (
    "windows:fgnet",
    "windows:us_congress",
    "windows:bundestag",
    "windows:uk_parliament",
    "folder:portraits",
)
"""Sources beside UTKFace that are taken where they are there and none is named."""
TRAINED_ON = "utkface"
"""Source of which only one part is taken: the model learnt from the others."""


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """The labelled faces of one source.

    Attributes:
        source: its name.
        crops: N, of the model's input side.
        rows: N.
    """

    source: str
    crops: tuple[Crop, ...]
    rows: tuple[Row, ...]

    @property
    def ages_years(self) -> NDArray[np.float64]:
        """Labels, float64 (N,); the middle of the window where only a window is known."""
        return np.array([row.age_years for row in self.rows], dtype=np.float64)

    @property
    def windows_years(self) -> NDArray[np.float64]:
        """Both ends of the windows that hold the ages, float64 (N, 2)."""
        return np.array([row.window_years for row in self.rows], dtype=np.float64).reshape(-1, 2)


def chosen_sources(values: list[str] | None) -> dict[str, Path]:
    """Return folder by source name: those named as NAME=PATH, or UTKFace and `OTHERS`."""
    if values:
        return parse_sources(values)
    there = {name: DATA / name.rpartition(":")[2] for name in OTHERS}
    return parse_sources(None) | {name: path for name, path in there.items() if path.is_dir()}


def faces_of(
    source: tuple[str, Path], split: str, model: Model, detector: Detector, limit: int | None
) -> Faces:
    """Return the faces of a source, cut as the service cuts them.

    Args:
        source: name and folder.
        split: the part that is taken of `TRAINED_ON`; of another source all faces are.
        model: whose crops they are.
        detector: finds the faces.
        limit: at most so many, drawn at random, always the same ones.

    Raises:
        SourceEmpty: there is none.
    """
    name, path = source
    data = merged({name: path})
    of_split = data.split == split
    wanted = of_split if name.startswith(TRAINED_ON) else np.ones_like(of_split)
    rows = [data.rows[at] for at in drawn(np.flatnonzero(wanted), limit).tolist()]
    made = [(_crop(row, model, detector), row) for row in tqdm(rows, desc=name, unit="face")]
    kept = [(crop, row) for crop, row in made if crop is not None]
    if not kept:
        raise SourceEmpty(f"No photo of {name} can be used. Check that its folder is whole.")
    crops, rows = [crop for crop, _ in kept], [row for _, row in kept]
    return Faces(name.rpartition(":")[2], tuple(crops), tuple(rows))


def _crop(row: Row, model: Model, detector: Detector) -> Crop | None:
    try:
        photo = decode(row.path.read_bytes(), first_px=model.first_decode_px, reading=model.reading)
    except PhotoError:
        return None
    right = looked_at(photo, detector.detect, model.reading)
    face = labelled_face(right.photo, right.faces)
    return crop_of(right.photo, face, model.input_px, model.crop_margin)
