from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from simsvc.domain.photo.crop import crop, crop_of, cut, middle, square_px
from simsvc.values import Crop, Face, Photo, RgbImage

PAD = 400
"""More than any box in these tests reaches over the border."""


def noise(height_px: int = 90, width_px: int = 120) -> RgbImage:
    return np.random.default_rng(7).integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)


def padded_then_resized(rgb: RgbImage, left: float, top: float, side: float, size_px: int) -> RgbImage:
    """Oracle: replicate the border far out with np.pad, cut whole pixels, resize the square exactly."""
    wide = np.pad(rgb, ((PAD, PAD), (PAD, PAD), (0, 0)), mode="edge")
    x, y = math.floor(left), math.floor(top)
    right, bottom = max(x + 1, math.ceil(left + side)), max(y + 1, math.ceil(top + side))
    whole = Image.fromarray(wide[y + PAD : bottom + PAD, x + PAD : right + PAD])
    box = (left - x, top - y, min(left - x + side, right - x), min(top - y + side, bottom - y))
    return np.asarray(whole.resize((size_px, size_px), Image.Resampling.BILINEAR, box=box))


@given(
    left=st.floats(-150, 150),
    top=st.floats(-150, 150),
    side=st.floats(4, 200),
    size_px=st.sampled_from([16, 32, 64]),
)
@settings(max_examples=150, deadline=None)
def test_a_cut_equals_edge_padding_and_an_exact_resize(
    left: float, top: float, side: float, size_px: int
) -> None:
    """Wherever the square lies, border pixels are replicated and the resize is exact."""
    oracle = padded_then_resized(noise(), left, top, side, size_px)
    np.testing.assert_array_equal(cut(noise(), left, top, side, size_px), oracle)


def test_a_whole_pixel_square_of_the_final_size_is_copied() -> None:
    """Where nothing needs resizing, pixels are copied as they are."""
    rgb = noise()
    np.testing.assert_array_equal(cut(rgb, 20, 10, 32, 32), rgb[10:42, 20:52])


def test_a_square_outside_the_photo_repeats_the_corner() -> None:
    """Beyond a corner there is nothing but the corner's pixel."""
    rgb = noise()
    assert (cut(rgb, -100, -100, 50, 16) == rgb[0, 0]).all()


def test_the_box_is_squared_about_its_centre_and_widened() -> None:
    """A box of 40 x 60 at margin 1.5 becomes a square of 90 with the same centre."""
    assert square_px(Face(10, 20, 40, 60, 0.9), 1.5) == (30 - 45, 50 - 45, 90)


@given(x=st.floats(-50, 150), y=st.floats(-50, 150), width=st.floats(1, 200), height=st.floats(1, 200))
@settings(max_examples=80, deadline=None)
def test_any_box_gives_a_square_crop(x: float, y: float, width: float, height: float) -> None:
    """Any valid box gives uint8 (S, S, 3)."""
    assert crop(noise(), Face(x, y, width, height, 0.9), 24).rgb.shape == (24, 24, 3)


def test_a_fine_pattern_is_averaged_and_not_aliased() -> None:
    """Shrinking a one-pixel chessboard gives even grey."""
    board = np.indices((128, 128)).sum(axis=0) % 2 * 255
    rgb = np.repeat(board[:, :, None], 3, axis=2).astype(np.uint8)
    shrunk = cut(rgb, 0, 0, 128, 16)[1:-1, 1:-1].astype(int)
    assert np.abs(shrunk - 127).max() < 12


@pytest.mark.parametrize("shift", [0.0, 0.25, 0.5])
def test_the_crop_follows_fractions_of_a_pixel(shift: float) -> None:
    """A ramp cut a fraction of a pixel further right is brighter by that fraction."""
    ramp = np.repeat(np.arange(128, dtype=np.uint8)[None, :, None], 128, axis=0).repeat(3, axis=2)
    wide = cut(ramp, 32 + 4 * shift, 32, 64, 16).astype(float)
    base = cut(ramp, 32, 32, 64, 16).astype(float)
    assert math.isclose((wide - base)[2:-2, 2:-2].mean(), 4 * shift, abs_tol=0.6)


@given(x=st.floats(-60, 100), y=st.floats(-60, 80), side=st.floats(8, 120))
@settings(max_examples=80)
def test_a_photo_gives_the_crop_of_its_array(x: float, y: float, side: float) -> None:
    """Decoded by Pillow or given as an array, within the photo or over its border: the same pixels."""
    rgb, face = noise(), Face(x, y, side, side, 1.0)
    expected = crop(rgb, face, 32).rgb
    for pixels in (rgb, Image.fromarray(rgb)):
        np.testing.assert_array_equal(crop_of(Photo(pixels, 120, 90, "PNG"), face, 32).rgb, expected)


def test_a_photo_has_both_layouts() -> None:
    """Pillow's picture and NumPy's array are made once from each other and agree; other modes are refused."""
    rgb = noise()
    for photo in (Photo(rgb, 120, 90, "PNG"), Photo(Image.fromarray(rgb), 120, 90, "PNG")):
        assert (photo.width_px, photo.height_px) == (120, 90)
        np.testing.assert_array_equal(photo.rgb, np.asarray(photo.picture))
        assert photo.rgb is photo.rgb
        assert photo.picture is photo.picture
    for pixels in (Image.new("L", (4, 4)), Image.new("RGB", (0, 4)), rgb[:, :, :2]):
        with pytest.raises(ValueError, match="photo"):
            Photo(pixels, 4, 4, "PNG")


def test_the_middle_of_a_crop() -> None:
    """The middle shows what a crop of the smaller margin shows, in as many pixels of it."""
    rgb = np.arange(200 * 200 * 3, dtype=np.uint32).reshape(200, 200, 3).astype(np.uint8)
    inner = middle(Crop(rgb), 1.375, 1.1)
    assert np.array_equal(inner.rgb, rgb[20:180, 20:180])
