"""The photos that are judged: a composite face before a soft ground, so that anyone can make them."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

SHAPES = {"640 px": (640, 480, 300), "12 megapixels": (4000, 3000, 1400)}
"""Width, height and side of the face's picture, pixels."""


def photos(gallery: Path) -> dict[str, bytes]:
    """Return one JPEG of each shape."""
    composite = sorted(gallery.glob("*.jpg"))[500]
    return {name: photo(composite, *shape) for name, shape in SHAPES.items()}


def photo(composite: Path, width_px: int, height_px: int, side_px: int) -> bytes:
    """Return a JPEG of a composite face before a soft ground."""
    ground = Image.effect_noise((width_px // 40, height_px // 40), 25).resize((width_px, height_px))
    canvas, face = ground.convert("RGB"), Image.open(composite).resize((side_px, side_px))
    canvas.paste(face, ((width_px - side_px) // 2, (height_px - side_px) // 2))
    buffer = io.BytesIO()
    canvas.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
