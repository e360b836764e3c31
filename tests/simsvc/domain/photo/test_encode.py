from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from simsvc.domain.photo.encode import from_png, to_png


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**31))
def test_a_png_holds_every_pixel(height_px: int, width_px: int, seed: int) -> None:
    """Whatever the size and the pixels, Pillow's own decoder reads back exactly what was written."""
    rgb = np.random.default_rng(seed).integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)
    with Image.open(io.BytesIO(to_png(rgb))) as image:
        image.verify()
    np.testing.assert_array_equal(from_png(to_png(rgb)), rgb)


@given(st.integers(1, 200), st.integers(1, 40), st.sampled_from(["noise", "flat", "gradient"]))
def test_any_reader_finds_a_whole_file(height_px: int, width_px: int, kind: str) -> None:
    """Every chunk's checksum fits, and zlib unpacks exactly one filter byte and one row of pixels a line."""
    made = {
        "noise": np.random.default_rng(height_px).integers(0, 256, (height_px, width_px, 3)),
        "flat": np.full((height_px, width_px, 3), 200),
        "gradient": np.add.outer(np.arange(height_px), np.arange(width_px))[:, :, None].repeat(3, axis=2),
    }
    found, png = {}, to_png(made[kind].astype(np.uint8))[8:]
    while png:
        (size,), name = struct.unpack(">I", png[:4]), png[4:8]
        found[name], check, png = png[8 : 8 + size], png[8 + size : 12 + size], png[12 + size :]
        assert struct.pack(">I", zlib.crc32(name + found[name])) == check
    assert list(found) == [b"IHDR", b"IDAT", b"IEND"]
    rows = zlib.decompress(found[b"IDAT"])
    assert len(rows) == height_px * (1 + width_px * 3)
    assert set(rows[:: 1 + width_px * 3]) == {2}


def test_a_png_of_a_view_is_that_of_its_copy() -> None:
    """Rows that do not lie together in memory are written all the same."""
    rgb = np.random.default_rng(1).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    assert to_png(rgb[::2, 5:20]) == to_png(rgb[::2, 5:20].copy())


def test_a_smooth_picture_takes_less_than_its_pixels() -> None:
    """A crop is packed: a soft gradient takes under half of its raw bytes."""
    rows = np.linspace(0, 255, 128).astype(np.uint8)
    rgb = np.broadcast_to(rows[:, None, None], (128, 128, 3)).copy()
    assert len(to_png(rgb)) < rgb.nbytes / 2
