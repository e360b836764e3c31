"""How finely a JPEG is decoded: whole, or a half, a quarter or an eighth of its pixels on a side."""

from __future__ import annotations

from simsvc.domain.photo.colour import shrunk_px

MAX_SIDE_PX = 1600
"""Longer side of a decoded photo: a face of a tenth of it is still larger than the model's input."""
PARTS = (8, 4, 2)
"""A JPEG's blocks of 8 x 8 pixels can be decoded to 1, 2 x 2 or 4 x 4 of them. Source: libjpeg's libjpeg.txt,
"Decompression parameter selection", scale_num and scale_denom."""
COARSEST = 4
"""What is decoded first is no coarser part than that: an eighth of a 12-megapixel photo takes 4 ms less where
the face is large enough in it, and 25 ms more, with the quarter that must follow, where it is not."""
ROUNDING = 1e-9
"""Of a scale that was computed on two ways."""


def first_part(width_px: int, height_px: int, least_px: int) -> int:
    """Return the largest of `PARTS` that may come first and leaves the longer side so many pixels, or 1."""
    longer_px = max(width_px, height_px)
    fit = (part for part in PARTS if part <= COARSEST and least_px <= longer_px / part < MAX_SIDE_PX)
    return next(fit, 1)


def jpeg_scale(scale: float, whole_scale: float) -> int:
    """Return the largest of `PARTS` that shows at least so many pixels, or 1 where only the whole does.

    Args:
        scale: pixels wanted for each of the whole photo's along a side.
        whole_scale: the whole photo's for each of the upload's.
    """
    wanted = scale * whole_scale * (1.0 - ROUNDING)
    part = next((part for part in PARTS if 1.0 / part >= wanted), 1)
    return part if scale_of(part, whole_scale) < 1.0 else 1


def scale_of(part: int, whole_scale: float) -> float:
    """Return a part's pixels for each of the whole photo's along a side."""
    return 1.0 / part / whole_scale if part > 1 else 1.0


def target_px(width_px: int, height_px: int) -> tuple[int, int]:
    """Return the least width and height that decoding the whole is to leave."""
    scale = min(1.0, MAX_SIDE_PX / max(width_px, height_px))
    return max(1, int(width_px * scale)), max(1, int(height_px * scale))


def whole_px(width_px: int, height_px: int) -> tuple[int, int]:
    """Return width and height of a JPEG decoded whole, as Pillow's `draft` and `shrunk_px` leave it."""
    least_px = target_px(width_px, height_px)
    most = min(width_px // least_px[0], height_px // least_px[1])
    part = next((part for part in PARTS if most >= part), 1)
    return shrunk_px(-(-width_px // part), -(-height_px // part), MAX_SIDE_PX)
