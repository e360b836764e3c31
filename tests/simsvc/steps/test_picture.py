from __future__ import annotations

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from simsvc.steps.picture import from_png, to_png


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**31))
def test_a_png_holds_every_pixel(height_px: int, width_px: int, seed: int) -> None:
    """Whatever the size and the pixels, Pillow's own decoder reads back exactly what was written."""
    rgb = np.random.default_rng(seed).integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)
    with Image.open(io.BytesIO(to_png(rgb))) as image:
        image.verify()
    np.testing.assert_array_equal(from_png(to_png(rgb)), rgb)


def test_a_png_of_a_view_is_that_of_its_copy() -> None:
    """Rows that do not lie together in memory are written all the same."""
    rgb = np.random.default_rng(1).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    assert to_png(rgb[::2, 5:20]) == to_png(rgb[::2, 5:20].copy())


def test_a_smooth_picture_takes_less_than_its_pixels() -> None:
    """A crop is packed: a soft gradient takes under half of its raw bytes."""
    rows = np.linspace(0, 255, 128).astype(np.uint8)
    rgb = np.broadcast_to(rows[:, None, None], (128, 128, 3)).copy()
    assert len(to_png(rgb)) < rgb.nbytes / 2
