"""Convert any of Pillow's colour modes to RGB with bounded memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from simsvc.domain.photo.colour_profiles import MODES, in_srgb

ROWS_A_STRIP = 256
"""Wide grey is scaled in strips: float32 copies of a whole 25-megapixel photo would take 300 MB."""


def to_rgb(image: Image.Image, max_side_px: int, profile: bytes | None = None) -> Image.Image:
    """Return the picture in RGB with at most `max_side_px` on its longer side; transparency becomes white.

    16-bit grey is scaled by its format's range. For 32-bit and float grey, the range is guessed from the
    brightest pixel: 0..1 (float only), 0..255, or 0..65535 and up. A profile is applied to the shrunk
    picture.
    """
    return in_srgb(_flat(image, max_side_px), profile)


def _flat(image: Image.Image, max_side_px: int) -> Image.Image:
    """Return the shrunk picture without transparency, in RGB or a mode that profiles support."""
    if image.mode.startswith(("I", "F")):
        return _shrunk(_narrowed(image), max_side_px)
    if image.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in image.info:
        white = _on_white(_shrunk(image.convert("RGBA"), max_side_px))
        return white.convert("L") if image.mode in {"L", "LA", "La"} else white
    if image.mode in {"1", "P"}:
        image = image.convert("RGB")  # palette entries cannot be averaged
    shrunk = _shrunk(image, max_side_px)
    return shrunk if shrunk.mode in MODES.values() else shrunk.convert("RGB")


def _on_white(rgba: Image.Image) -> Image.Image:
    white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, rgba).convert("RGB")


def _narrowed(image: Image.Image) -> Image.Image:
    """Scale 16- and 32-bit grey to 8 bits: Pillow's own convert clips at 255 instead."""
    grey = np.asarray(image)
    levels = np.empty(grey.shape, dtype=np.uint8)
    factor = 255.0 / _white_level(grey, image.mode)
    for top in range(0, grey.shape[0], ROWS_A_STRIP):
        strip = np.nan_to_num(grey[top : top + ROWS_A_STRIP].astype(np.float32), posinf=0.0, neginf=0.0)
        levels[top : top + ROWS_A_STRIP] = np.clip(strip * factor, 0, 255)
    return Image.fromarray(levels)


def _white_level(grey: NDArray[np.generic], mode: str) -> float:
    if mode.startswith("I;16"):
        return 65535.0
    brightest = max(
        float(np.nan_to_num(row.astype(np.float64), posinf=0.0, neginf=0.0).max()) for row in grey
    )
    if mode == "F" and brightest <= 1.0:
        return 1.0
    return 255.0 if brightest <= 255.0 else max(65535.0, brightest)


def _shrunk(image: Image.Image, max_side_px: int) -> Image.Image:
    size_px = shrunk_px(*image.size, max_side_px)
    if size_px == image.size:
        return image
    return image.resize(size_px, Image.Resampling.BILINEAR, reducing_gap=2.0)


def shrunk_px(width_px: int, height_px: int, max_side_px: int) -> tuple[int, int]:
    """Return width and height of the picture shrunk to at most `max_side_px`."""
    longer_px = max(width_px, height_px)
    if longer_px <= max_side_px:
        return width_px, height_px
    width, height = (max(1, round(side * max_side_px / longer_px)) for side in (width_px, height_px))
    return width, height
