"""THE crop: one function, used by the trainer and the service alike."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from simsvc.values import Crop, Face, RgbImage

CROP_MARGIN = 1.1
"""Side of the crop over the longer side of the detector's box. libfacedetection's box runs from hairline to
chin; a tenth more takes in ears and jaw and still lies inside most of an aligned 200 px data set photo."""


def square_px(face: Face, margin: float = CROP_MARGIN) -> tuple[float, float, float]:
    """Return (left, top, side) of the widened, squared box; it may reach over the photo's border."""
    side = face.side_px * margin
    x, y = face.centre_px
    return x - side / 2, y - side / 2, side


def crop(rgb: RgbImage, face: Face, size_px: int, margin: float = CROP_MARGIN) -> Crop:
    """Cut the widened, squared box out of a photo and resize it with an anti-aliasing filter.

    Where the square reaches over the photo's border, border pixels are replicated.

    Args:
        rgb: uint8 (H, W, 3).
        face: box in pixels of `rgb`.
        size_px: S, side of the result.
        margin: side of the square over the longer side of the box.

    Returns:
        uint8 (S, S, 3).
    """
    left, top, side = square_px(face, margin)
    return Crop(cut(rgb, left, top, side, size_px))


def cut(rgb: RgbImage, left: float, top: float, side: float, size_px: int) -> RgbImage:
    """Cut a square with fractional corner and side (pixels of `rgb`) and resize it to `size_px`."""
    x0, y0 = math.floor(left), math.floor(top)
    x1, y1 = max(x0 + 1, math.ceil(left + side)), max(y0 + 1, math.ceil(top + side))
    region = _region(rgb, x0, y0, x1, y1)
    box = (left - x0, top - y0, min(left - x0 + side, x1 - x0), min(top - y0 + side, y1 - y0))
    image = Image.fromarray(np.ascontiguousarray(region))
    return np.asarray(image.resize((size_px, size_px), Image.Resampling.BILINEAR, box=box))


def _region(rgb: RgbImage, x0: int, y0: int, x1: int, y1: int) -> RgbImage:
    """Return the pixels of columns x0 to x1 and rows y0 to y1; beyond the photo its border is replicated."""
    height, width = rgb.shape[:2]
    if x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height:
        return rgb[y0:y1, x0:x1]
    rows, columns = np.arange(y0, y1).clip(0, height - 1), np.arange(x0, x1).clip(0, width - 1)
    return rgb.take(rows, axis=0).take(columns, axis=1)
