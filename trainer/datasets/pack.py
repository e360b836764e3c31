"""Faces detected, cropped and decoded once, into one packed array.

Decoding JPEGs every epoch costs as much as the training itself.

A pack is a folder of `crops.npy` (uint8 (N, PACK_PX, PACK_PX, 3), RGB, memory-mapped), `boxes.npy`
(float32 (N, 4): left, top, side of the crop in pixels of the photo, and confidence: 0 where the whole photo
was taken, NaN where it cannot be read) and `pack.json`.
The packed square is the service's crop with `CONTEXT` around it, so that augmentation may shift and widen
the crop within real pixels; its middle `CROP_PX` are the crop itself.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from simsvc.adapters.inference.onnx_detector import OnnxDetector
from simsvc.domain.gallery.labelled_faces import box_of
from simsvc.domain.photo.crop import CROP_MARGIN, cut, square_px
from simsvc.domain.photo.decode import decode
from simsvc.errors import PhotoError, SourceEmpty
from simsvc.values import Face, Photo, RgbImage
from trainer.datasets.formats.rows import Row

PACK_PX = 200
CONTEXT = 1.25  # packed side over crop side
CROP_PX = 160  # side of the crop inside a packed square: PACK_PX / CONTEXT


@dataclass(frozen=True, slots=True, eq=False)
class Pack:
    """An open pack; the module describes its arrays."""

    crops: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    rows: tuple[Row, ...]

    @property
    def readable(self) -> NDArray[np.bool_]:
        """Which rows hold a face: bool (N,)."""
        return ~np.isnan(self.boxes[:, 3])


def labelled_face(photo: Photo, faces: tuple[Face, ...]) -> Face:
    """Return the labelled face, or the whole photo (confidence 0) without detections."""
    face = box_of(photo, faces, aligned=True, margin=CROP_MARGIN)
    assert face is not None  # noqa: S101 - an aligned photo always has one; told to mypy
    return face


def packed_square(photo: Photo, face: Face) -> RgbImage:
    """Return uint8 (PACK_PX, PACK_PX, 3): the crop with its context."""
    left, top, side = square_px(face)
    edge = side * (CONTEXT - 1) / 2
    return cut(photo.rgb, left - edge, top - edge, side * CONTEXT, PACK_PX)


def _digest(rows: Sequence[Row]) -> str:
    state = hashlib.sha256(f"{PACK_PX} {CONTEXT} {CROP_MARGIN}".encode())
    for row in rows:
        state.update(f"{row.source}/{row.reference} {row.path.stat().st_size}\n".encode())
    return state.hexdigest()


def open_pack(rows: Sequence[Row], folder: Path, workers: int | None = None) -> Pack:
    """Open the pack of exactly these rows in a folder of packs, making it first where it is missing.

    Raises:
        SourceEmpty: no rows.
    """
    if not rows:
        raise SourceEmpty("There is nothing to pack: the data sets hold no labelled photo.")
    home = folder / f"pack-{_digest(rows)[:12]}"
    if not (home / "pack.json").exists():
        _make(rows, home, workers or os.cpu_count() or 1)
    crops = np.load(home / "crops.npy", mmap_mode="r", allow_pickle=False)
    boxes = np.load(home / "boxes.npy", allow_pickle=False)
    return Pack(crops, boxes, tuple(rows))


def _make(rows: Sequence[Row], home: Path, workers: int) -> None:
    home.mkdir(parents=True, exist_ok=True)
    shape = (len(rows), PACK_PX, PACK_PX, 3)
    crops = np.lib.format.open_memmap(home / "crops.npy", mode="w+", dtype=np.uint8, shape=shape)
    boxes = np.full((len(rows), 4), np.nan, dtype=np.float32)
    detector = OnnxDetector()

    def fill(index: int) -> None:
        try:
            photo = decode(rows[index].path.read_bytes())
        except PhotoError:
            return
        face = labelled_face(photo, detector.detect(photo))
        crops[index] = packed_square(photo, face)
        boxes[index] = (*square_px(face), face.confidence)

    with ThreadPoolExecutor(workers) as pool:
        for _ in tqdm(pool.map(fill, range(len(rows))), total=len(rows), desc="pack", unit="face"):
            pass
    crops.flush()
    np.save(home / "boxes.npy", boxes)
    summary = {"faces": len(rows), "unreadable": int(np.isnan(boxes[:, 3]).sum()), "side_px": PACK_PX}
    (home / "pack.json").write_text(json.dumps(summary) + "\n", encoding="utf-8")
