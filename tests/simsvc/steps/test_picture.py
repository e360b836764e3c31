from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from simsvc.steps.picture import from_png, to_png

random = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (163, 163), (40, 31)])
def test_a_png_gives_its_pixels_back(shape: tuple[int, int]) -> None:
    """Pillow reads, from what is written here, every pixel as it was."""
    rgb = random.integers(0, 256, (*shape, 3), dtype=np.uint8)
    png = to_png(rgb)
    assert np.array_equal(from_png(png), rgb)
    with Image.open(io.BytesIO(png)) as image:
        image.verify()
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", shape[::-1])


def test_a_part_of_a_photo_is_written_as_well() -> None:
    """Pixels that do not lie together in memory give the PNG that their copy gives."""
    part = random.integers(0, 256, (20, 20, 3), dtype=np.uint8)[3:17:2, 5:9]
    assert to_png(part) == to_png(part.copy())
