"""JPEGs that are decoded as finely as the face in them needs."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from simsvc.domain.photo.crop import crop_of, crops_of
from simsvc.domain.photo.decode import decode
from simsvc.domain.photo.jpeg_scale import MAX_SIDE_PX
from simsvc.domain.photo.multiscale import detect_multiscale
from simsvc.errors import TruncatedPhoto
from simsvc.values import Face, Photo, RgbImage

FIRST_PX = 320


def jpeg(width: int, height: int, *, orientation: int = 1, kind: str = "JPEG", **how: object) -> bytes:
    """Return a picture of soft waves, so that every place in it looks its own way."""
    y, x = np.mgrid[0:height, 0:width] / 97.0
    waves = np.stack([np.sin(x) * np.cos(y), np.sin(x + y), np.cos(2 * y)], axis=-1)
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray((127 + 120 * waves).astype(np.uint8)).save(buffer, kind, exif=exif, **how)
    return buffer.getvalue()


class Within:
    """Counts how often a photo is decoded again."""

    def __init__(self) -> None:
        self.times = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self.times += 1
        yield


@settings(deadline=None, max_examples=20)
@given(st.integers(33, 2100), st.integers(33, 700), st.sampled_from([1, 3, 6, 8]))
def test_the_whole_photo_is_what_it_is_without_levels(width: int, height: int, orientation: int) -> None:
    """Sizes are told before the whole is decoded, and every pixel of it is the same."""
    data = jpeg(width, height, orientation=orientation)
    plain, photo = decode(data), decode(data, first_px=FIRST_PX)
    told = photo.width_px, photo.height_px, photo.original_width_px, photo.original_height_px, photo.format
    assert told == (
        plain.width_px,
        plain.height_px,
        plain.original_width_px,
        plain.original_height_px,
        plain.format,
    )
    np.testing.assert_array_equal(photo.rgb, plain.rgb)
    assert photo.picture.size == (photo.width_px, photo.height_px)


@pytest.mark.parametrize("size", [(6399, 300), (6400, 300), (12_801, 200), (3201, 1000)])
def test_sizes_of_long_photos_are_told_beforehand(size: tuple[int, int]) -> None:
    """At the edges of libjpeg's halves, too, the told size is the size."""
    photo = decode(jpeg(*size), first_px=FIRST_PX)
    assert photo.rgb.shape[:2] == (photo.height_px, photo.width_px)
    assert max(photo.rgb.shape) == MAX_SIDE_PX or size[0] <= MAX_SIDE_PX


@settings(deadline=None, max_examples=20)
@given(st.integers(640, 2600), st.floats(0.05, 1.2), st.sampled_from([1, 6]))
def test_a_copy_is_as_fine_as_it_is_asked_for(width: int, scale: float, orientation: int) -> None:
    """Its scale is at least the one asked for, and a place times the scale shows what lies in that place."""
    data = jpeg(width, 640, orientation=orientation)
    photo = decode(data, first_px=FIRST_PX)
    copy, shown = photo.at_least(scale)
    assert min(scale, 1.0) <= shown <= 1.0
    assert copy.width_px == pytest.approx(photo.width_px * shown, abs=1)
    assert copy.height_px == pytest.approx(photo.height_px * shown, abs=1)
    for y, x in ((0.21, 0.34), (0.5, 0.5), (0.77, 0.9)):
        there = photo.rgb[int(y * photo.height_px), int(x * photo.width_px)].astype(int)
        here = copy.rgb[int(y * photo.height_px * shown), int(x * photo.width_px * shown)].astype(int)
        assert np.abs(there - here).max() < 25


def test_the_coarsest_copy_that_does_is_given() -> None:
    """A quarter of the pixels where that is enough, a half where it must be, of one decoding."""
    within = Within()
    photo = decode(jpeg(1600, 1200), first_px=FIRST_PX, within=within)
    (quarter, _), (half, _) = photo.at_least(0.2), photo.at_least(0.3)
    assert (quarter.width_px, half.width_px, within.times) == (400, 800, 1)


def test_a_copy_is_made_once() -> None:
    """Asked again for less than a copy shows, the same copy is given, and nothing is decoded."""
    within = Within()
    photo = decode(jpeg(1600, 1200), first_px=FIRST_PX, within=within)
    (quarter, _), (half, _) = photo.at_least(0.2), photo.at_least(0.3)
    assert photo.at_least(0.1)[0] is quarter
    assert photo.at_least(0.5)[0] is half
    assert within.times == 1


def test_the_whole_photo_is_decoded_where_it_must_be() -> None:
    """More than a half needs all of it, decoded again."""
    within = Within()
    photo = decode(jpeg(1600, 1200), first_px=FIRST_PX, within=within)
    photo.at_least(0.5)
    assert photo.at_least(0.51) == (photo, 1.0)
    assert (photo.rgb.shape, within.times) == ((1200, 1600, 3), 2)
    assert photo.at_least(0.9) == (photo, 1.0)
    assert within.times == 2


def test_a_photo_that_is_whole_is_not_decoded_more_coarsely() -> None:
    """Once all of it is there, nothing is decoded that it does not show already."""
    within = Within()
    photo = decode(jpeg(2600, 2000), first_px=FIRST_PX, within=within)
    assert photo.picture.width == MAX_SIDE_PX
    assert (photo.at_least(0.5), within.times) == ((photo, 1.0), 1)


@pytest.mark.parametrize(
    ("width", "first_px", "kind"), [(639, FIRST_PX, "JPEG"), (1600, None, "JPEG"), (1600, FIRST_PX, "PNG")]
)
def test_what_cannot_be_decoded_in_part_is_decoded_whole(width: int, first_px: int | None, kind: str) -> None:
    """A small JPEG, another format, or a model that does not ask for it: one level, there at once."""
    photo = decode(jpeg(width, 500, kind=kind), first_px=first_px)
    assert isinstance(photo.pixels, Image.Image)
    assert photo.at_least(0.1) == (photo, 1.0)


@pytest.mark.parametrize("how", [{}, {"progressive": True}])
def test_damage_is_found_at_once(how: dict[str, bool]) -> None:
    """A file that ends early is refused by the first, coarse look at it, wherever it ends."""
    data = jpeg(900, 700, **how)
    for share in (0.2, 0.5, 0.8, 0.97):
        with pytest.raises(TruncatedPhoto):
            decode(data[: int(share * len(data))], first_px=FIRST_PX)


def test_a_large_face_is_cut_from_a_copy() -> None:
    """No finer one is decoded than the crop has pixels, and the crop looks as one from the whole."""
    data, within = jpeg(1600, 1200), Within()
    face = Face(300, 250, 700, 800, 0.95)
    photo = decode(data, first_px=FIRST_PX, within=within)
    fine, small = crops_of(photo, face, (160, 96), 1.1)
    assert within.times == 0
    for made, size_px in ((fine, 160), (small, 96)):
        whole = crop_of(decode(data), face, size_px, 1.1).rgb.astype(int)
        assert np.abs(made.rgb - whole).mean() < 1.0


def test_a_small_face_is_cut_from_the_whole() -> None:
    """Its crop is the very one that a photo without levels gives, and so is one over the border."""
    data = jpeg(1600, 1200)
    for face in (Face(700, 500, 120, 130, 0.95), Face(-20, 1100, 140, 130, 0.95)):
        photo = decode(data, first_px=FIRST_PX)
        np.testing.assert_array_equal(crop_of(photo, face, 160).rgb, crop_of(decode(data), face, 160).rgb)


def _bright(rgb: RgbImage) -> list[Face]:
    """See a bright square as a face."""
    rows, columns = (np.flatnonzero((rgb[:, :, 0] > 127).any(axis=axis)) for axis in (1, 0))
    left, top = int(columns[0]), int(rows[0])
    return [Face(left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top, 0.95)]


def _with_square(left: int, top: int, side: int) -> bytes:
    rgb = np.zeros((1200, 1600, 3), dtype=np.uint8)
    rgb[top : top + side, left : left + side] = 255
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


@pytest.mark.parametrize(("side", "decoded_again"), [(700, 0), (400, 1), (100, 1)])
def test_faces_are_found_where_they_are(side: int, decoded_again: int) -> None:
    """In the whole photo's pixels, however coarse the copy is that they were seen in."""
    within = Within()
    photo = decode(_with_square(330, 250, side), first_px=FIRST_PX, within=within)
    (face,) = detect_multiscale(photo, _bright, 640, FIRST_PX)
    assert (face.x_px, face.y_px) == pytest.approx((330, 250), abs=6)
    assert face.side_px == pytest.approx(side, abs=10)
    assert within.times == decoded_again


def test_an_array_and_a_picture_are_their_own_copies() -> None:
    """A photo without levels shows all that it has."""
    rgb = np.zeros((40, 60, 3), dtype=np.uint8)
    for pixels in (rgb, Image.fromarray(rgb)):
        photo = Photo(pixels, 60, 40, "PNG")
        assert photo.at_least(0.1) == (photo, 1.0)
