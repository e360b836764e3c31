"""Pixels to the bytes of a picture file."""

from __future__ import annotations

import io

from PIL import Image

from simsvc.values import RgbImage


def to_png(rgb: RgbImage) -> bytes:
    """Return uint8 (H, W, 3) as PNG bytes: lossless, so that a recorded crop can be judged again."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG", optimize=False)
    return buffer.getvalue()
