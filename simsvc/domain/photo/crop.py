"""The face crop, shared by the trainer and the service."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from simsvc.values import Crop, Face, Photo, RgbImage

CROP_MARGIN = 1.1
"""Crop side divided by the longer side of the detector's box. libfacedetection's box goes from hairline to
chin; a tenth more includes ears and jaw and still fits most aligned 200 px photos."""


def square_px(face: Face, margin: float = CROP_MARGIN) -> tuple[float, float, float]:
    """Return (left, top, side) of the widened square box, which may exceed the photo."""
    side = face.side_px * margin
    x, y = face.centre_px
    return x - side / 2, y - side / 2, side


def crop(rgb: RgbImage, face: Face, size_px: int, margin: float = CROP_MARGIN) -> Crop:
    """Crop the widened square box to uint8 (S, S, 3), S = `size_px`, with an anti-aliasing filter.

    Outside the photo, uint8 (H, W, 3), border pixels are replicated.
    """
    left, top, side = square_px(face, margin)
    return Crop(cut(rgb, left, top, side, size_px))


def crop_of(photo: Photo, face: Face, size_px: int, margin: float = CROP_MARGIN) -> Crop:
    """Return the same as `crop` of the photo's `rgb`, from its picture if the square is inside it."""
    return crops_of(photo, face, (size_px,), margin)[0]


def crops_of(
    photo: Photo, face: Face, sizes_px: Sequence[int], margin: float = CROP_MARGIN
) -> tuple[Crop, ...]:
    """Return crops in several sizes, cut once, at a level with enough pixels for the largest."""
    side = square_px(face, margin)[2]
    shown, scale = photo.at_least(max(sizes_px) / side)
    square = square_px(face.scaled(scale) if scale < 1.0 else face, margin)
    edges = _edges_px(*square)
    inside = _inside(edges, shown.width_px, shown.height_px)
    picture = shown.picture.crop(edges) if inside else Image.fromarray(_region(shown.rgb, edges))
    made = {size_px: Crop(_resized(picture, edges, square, size_px)) for size_px in set(sizes_px)}
    return tuple(made[size_px] for size_px in sizes_px)


def middle(crop: Crop, margin: float, inner_margin: float) -> Crop:
    """Return the middle of a crop, as cropped with a smaller margin; its side is in proportion, rounded."""
    size_px = crop.rgb.shape[0]
    inner_px = round(size_px * inner_margin / margin)
    edge = (size_px - inner_px) // 2
    return Crop(np.ascontiguousarray(crop.rgb[edge : edge + inner_px, edge : edge + inner_px]))


def cut(rgb: RgbImage, left: float, top: float, side: float, size_px: int) -> RgbImage:
    """Cut a square with fractional corner and side (pixels of `rgb`) and resize it to `size_px`."""
    edges = _edges_px(left, top, side)
    return _resized(Image.fromarray(_region(rgb, edges)), edges, (left, top, side), size_px)


Edges = tuple[int, int, int, int]


def _edges_px(left: float, top: float, side: float) -> Edges:
    """Return the whole pixels touched by a square: left, top, right and bottom."""
    x0, y0 = math.floor(left), math.floor(top)
    return x0, y0, max(x0 + 1, math.ceil(left + side)), max(y0 + 1, math.ceil(top + side))


def _inside(edges: Edges, width_px: int, height_px: int) -> bool:
    return edges[0] >= 0 and edges[1] >= 0 and edges[2] <= width_px and edges[3] <= height_px


def _region(rgb: RgbImage, edges: Edges) -> RgbImage:
    """Return a copy of the pixels within the edges, replicating the border outside the photo."""
    (x0, y0, x1, y1), (height, width) = edges, rgb.shape[:2]
    if _inside(edges, width, height):
        return np.ascontiguousarray(rgb[y0:y1, x0:x1])
    rows, columns = np.arange(y0, y1).clip(0, height - 1), np.arange(x0, x1).clip(0, width - 1)
    return rgb.take(rows, axis=0).take(columns, axis=1)  # a quarter of indexing's time


def _resized(
    picture: Image.Image, edges: Edges, square: tuple[float, float, float], size_px: int
) -> RgbImage:
    (x0, y0, x1, y1), (left, top, side) = edges, square
    box = (left - x0, top - y0, min(left - x0 + side, x1 - x0), min(top - y0 + side, y1 - y0))
    return np.asarray(picture.resize((size_px, size_px), Image.Resampling.BILINEAR, box=box))
