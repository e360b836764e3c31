"""Decode the output of libfacedetection's network to faces.

Source of every step and constant: libfacedetection (S. Yu et al.), src/facedetectcnn.cpp and
src/facedetectcnn-model.cpp of 4 June 2023; Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector",
Machine Intelligence Research 20, 2023.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simsvc.values import Face, RgbImage

STRIDES = (8, 16, 32)
"""Pixels per cell of each of the three maps."""
MULTIPLE_PX = STRIDES[-1]
"""Pictures are padded with black on the right and below to a multiple of this."""
CLASS, BOX, OBJECT, MARKS = 0, slice(1, 5), 5, slice(6, 16)
"""Rows of the maps: class score; centre and log size, in strides; object score; five landmarks (x, y) in
strides."""
CHANNELS = 16
LEAST_SCORE, MOST_OVERLAP, MOST_CANDIDATES, MOST_FACES = 0.2, 0.45, 1000, 512
"""Source: objectdetect_cnn's call of detection_output."""
SURE, HUGE = 88.0, 20.0
"""Where scores and logarithms of sizes are cut: exp() of more is no float32 for the first (the library cuts
there, too), and larger than any picture for the second."""

Maps = NDArray[np.float32]


def padded(rgb: RgbImage) -> RgbImage:
    """Return uint8 (H, W, 3) with H and W multiples of `MULTIPLE_PX`, contiguous; a copy where needed."""
    height, width = rgb.shape[:2]
    wanted = (-(-height // MULTIPLE_PX) * MULTIPLE_PX, -(-width // MULTIPLE_PX) * MULTIPLE_PX, 3)
    if rgb.shape == wanted:
        return np.ascontiguousarray(rgb)
    canvas = np.zeros(wanted, dtype=np.uint8)
    canvas[:height, :width] = rgb
    return canvas


def cells(height_px: int, width_px: int) -> int:
    """Return N, the number of cells of all maps of a padded picture."""
    return sum((height_px // stride) * (width_px // stride) for stride in STRIDES)


def faces_of(maps: Maps, height_px: int, width_px: int) -> list[Face]:
    """Return the detected faces, best first, in pixels of the padded picture, whose size is given.

    `maps` are float32 (16, N), the cells of each stride row by row, strides ascending. Boxes, landmarks and
    hundredths of confidence are truncated to whole numbers, like in the library, because models, indexes and
    records depend on the exact boxes.
    """
    scores = np.sqrt(_sigmoid(maps[CLASS]) * _sigmoid(maps[OBJECT]))
    chosen = np.flatnonzero(scores >= LEAST_SCORE)
    chosen = chosen[np.argsort(-scores[chosen], kind="stable")][:MOST_CANDIDATES]
    places, strides = _places(chosen, height_px, width_px)
    corners = _corners(maps[BOX, chosen], places, strides)
    kept = distinct(corners)[:MOST_FACES]
    marks = maps[MARKS, chosen[kept]].reshape(5, 2, -1) * strides[kept] + places[:, kept]
    records = zip(scores[chosen[kept]], corners[:, kept].T, marks.transpose(2, 0, 1), strict=True)
    faces = (_face(*record) for record in records)
    return [face for face in faces if face is not None]


def _sigmoid(values: Maps) -> Maps:
    return np.reciprocal(np.exp(-np.clip(values, -SURE, SURE)) + np.float32(1))


def _places(chosen: NDArray[np.intp], height_px: int, width_px: int) -> tuple[Maps, Maps]:
    """Return the position of each cell, float32 (2, C) in pixels, and its stride, float32 (C,)."""
    counts = [(height_px // stride) * (width_px // stride) for stride in STRIDES]
    starts = np.cumsum([0, *counts[:-1]])
    level = np.searchsorted(starts, chosen, side="right") - 1
    strides = np.asarray(STRIDES)[level]
    rows, columns = np.divmod(chosen - starts[level], width_px // strides)
    return (np.stack([columns, rows]) * strides).astype(np.float32), strides.astype(np.float32)


def _corners(boxes: Maps, places: Maps, strides: Maps) -> Maps:
    """Return left, top, right and bottom, float32 (4, C) in pixels."""
    centres = boxes[:2] * strides + places
    halves = np.exp(np.minimum(boxes[2:], HUGE)) * strides / 2
    return np.concatenate([centres - halves, centres + halves])


def distinct(corners: Maps) -> list[int]:
    """Return which of C boxes, float32 (4, C), best first, to keep after non-maximum suppression."""
    left, top, right, bottom = corners
    areas = (right - left) * (bottom - top)
    rest, kept = np.arange(corners.shape[1]), []
    while rest.size:
        best, rest = int(rest[0]), rest[1:]
        kept.append(best)
        width = np.minimum(right[rest], right[best]) - np.maximum(left[rest], left[best])
        height = np.minimum(bottom[rest], bottom[best]) - np.maximum(top[rest], top[best])
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        rest = rest[shared <= MOST_OVERLAP * (areas[rest] + areas[best] - shared)]
    return kept


def _face(score: np.float32, corners: Maps, marks: Maps) -> Face | None:
    """Return one face in whole numbers, or None if its box is smaller than a pixel."""
    left, top, right, bottom = corners
    width, height = int(right - left), int(bottom - top)
    if width <= 0 or height <= 0:
        return None
    confidence = min(1.0, int(score * np.float32(100)) / 100)
    points = tuple((float(int(x)), float(int(y))) for x, y in marks)
    return Face(int(left), int(top), width, height, confidence, points)
