"""Pixels to the bytes of a picture file."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

from simsvc.values import RgbImage

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def to_png(rgb: RgbImage) -> bytes:
    """Return uint8 (H, W, 3) as PNG bytes: lossless, so that a recorded crop can be judged again.

    Every row is filtered by the one above, which NumPy does at once: Pillow tries five filters on each row.
    Source: PNG (Third Edition), W3C 2025, sections 9.2 ("Up"), 10 and 11.
    """
    height, width, _ = rgb.shape
    values = rgb.reshape(height, width * 3)
    rows = np.empty((height, 1 + width * 3), dtype=np.uint8)
    rows[:, 0] = 2
    rows[0, 1:] = values[0]
    np.subtract(values[1:], values[:-1], out=rows[1:, 1:])
    packer = zlib.compressobj(level=1, strategy=zlib.Z_HUFFMAN_ONLY)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = packer.compress(rows.data) + packer.flush()
    return PNG_SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    check = zlib.crc32(data, zlib.crc32(name))
    return b"".join((struct.pack(">I", len(data)), name, data, struct.pack(">I", check)))


def from_png(png: bytes) -> RgbImage:
    """Return the pixels of a PNG that `to_png` wrote: uint8 (H, W, 3)."""
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        return np.asarray(image.convert("RGB"))


def to_jpeg(rgb: RgbImage, quality: int) -> bytes:
    """Return uint8 (H, W, 3) as JPEG bytes of a quality from 1 to 95; the same pixels give the same bytes."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
