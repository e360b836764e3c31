"""How finely a JPEG is decoded: whole, or a half, a quarter or an eighth of its pixels on a side.

The first look for a face needs few pixels, and most faces need no more: for it, a photo of 12 megapixels is
decoded in 15 ms instead of 52, one of 1280 x 960 px in 3.3 instead of 4.6 (processor time, median of 15).
Kept because decoding all of such a photo takes longer than the model; some photos are decoded twice for it.
"""

from __future__ import annotations

from simsvc.domain.photo.colour import shrunk_px

MAX_SIDE_PX = 1600
"""Longer side of a decoded photo: a face of a tenth of it is still larger than the model's input."""
PARTS = (8, 4, 2)
"""A JPEG's blocks of 8 x 8 pixels can be decoded to 1, 2 x 2 or 4 x 4 of them. Source: libjpeg's libjpeg.txt,
"Decompression parameter selection", scale_num and scale_denom."""
COARSEST = 4
"""Coarsest first scale: an eighth of a 12-megapixel photo saves 4 ms if the face is large enough, and
otherwise costs 25 ms for the quarter that must follow."""
ROUNDING = 1e-9
"""Tolerance of a scale computed in two ways."""


def first_part(width_px: int, height_px: int, least_px: int) -> int:
    """Return the largest of `PARTS` that leaves the longer side enough pixels, or 1."""
    longer_px = max(width_px, height_px)
    fit = (part for part in PARTS if part <= COARSEST and least_px <= longer_px / part < MAX_SIDE_PX)
    return next(fit, 1)


def jpeg_scale(scale: float, whole_scale: float) -> int:
    """Return the largest of `PARTS` that shows at least so many pixels, or 1 where only the whole does.

    `scale` is relative to the whole photo, whose own scale is relative to the upload.
    """
    wanted = scale * whole_scale * (1.0 - ROUNDING)
    part = next((part for part in PARTS if 1.0 / part >= wanted), 1)
    return part if scale_of(part, whole_scale) < 1.0 else 1


def scale_of(part: int, whole_scale: float) -> float:
    """Return the scale of a part relative to the whole photo."""
    return 1.0 / part / whole_scale if part > 1 else 1.0


def target_px(width_px: int, height_px: int) -> tuple[int, int]:
    """Return the minimum width and height of the whole decoded photo."""
    scale = min(1.0, MAX_SIDE_PX / max(width_px, height_px))
    return max(1, int(width_px * scale)), max(1, int(height_px * scale))


def whole_px(width_px: int, height_px: int) -> tuple[int, int]:
    """Return width and height of a JPEG decoded whole, as Pillow's `draft` and `shrunk_px` leave it."""
    least_px = target_px(width_px, height_px)
    most = min(width_px // least_px[0], height_px // least_px[1])
    part = next((part for part in PARTS if most >= part), 1)
    return shrunk_px(-(-width_px // part), -(-height_px // part), MAX_SIDE_PX)
