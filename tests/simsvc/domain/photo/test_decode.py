from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from simsvc.domain.photo.decode import decode
from simsvc.domain.photo.jpeg_scale import MAX_SIDE_PX
from simsvc.errors import (
    AnimatedPhoto,
    EmptyPhoto,
    NotAnImage,
    PhotoError,
    PhotoTooManyBytes,
    PhotoTooManyPixels,
    PhotoTooSmall,
    TruncatedPhoto,
    UnsupportedFormat,
)
from tests.photo_files import saved

ORIENTATION = 0x0112
LOSSLESS = ("PNG", "BMP", "TIFF", "PPM")
LOSSY = ("JPEG", "WEBP", "HEIF", "AVIF", "JPEG2000", "MPO")


def gradient(width_px: int = 64, height_px: int = 48) -> Image.Image:
    """A picture without any symmetry, smooth enough for lossy formats."""
    x, y = np.meshgrid(np.linspace(0, 1, width_px), np.linspace(0, 1, height_px))
    channels = np.stack([x * 200 + 20, y * 180 + 30, (x * y) * 160 + 10], axis=-1)
    return Image.fromarray(channels.astype(np.uint8))


def with_orientation(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


def png_header(width_px: int, height_px: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100))


@pytest.mark.parametrize("kind", LOSSLESS)
def test_a_lossless_format_decodes_to_its_own_pixels(kind: str) -> None:
    """A lossless photo comes out pixel for pixel."""
    image = gradient()
    photo = decode(saved(image, kind))
    np.testing.assert_array_equal(photo.rgb, np.asarray(image))
    assert photo.format == kind


@pytest.mark.parametrize("kind", LOSSY)
def test_a_lossy_format_decodes_to_nearly_its_pixels(kind: str) -> None:
    """A lossy photo comes out close to what went in, upright and in RGB order."""
    image = gradient()
    photo = decode(saved(image, kind, quality=95) if kind != "JPEG2000" else saved(image, kind))
    difference = photo.rgb.astype(int) - np.asarray(image).astype(int)
    assert np.abs(difference).mean() < 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_every_exif_orientation_is_set_upright(kind: str, orientation: int) -> None:
    """Orientations 1 to 8 give what PIL.ImageOps.exif_transpose gives."""
    options: dict[str, object] = {"lossless": True} if kind == "WEBP" else {}
    data = saved(gradient(), kind, exif=with_orientation(orientation), **options)
    with Image.open(io.BytesIO(data)) as opened:
        upright = ImageOps.exif_transpose(opened).convert("RGB")
    photo = decode(data)
    np.testing.assert_array_equal(photo.rgb, np.asarray(upright))
    assert (photo.original_width_px, photo.original_height_px) == upright.size


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_large_turned_jpeg_is_shrunk_and_upright(orientation: int) -> None:
    """Shrinking while decoding does not disturb the turn."""
    data = saved(gradient(3300, 2200), "JPEG", exif=with_orientation(orientation))
    with Image.open(io.BytesIO(data)) as opened:
        upright = ImageOps.exif_transpose(opened)
    photo = decode(data)
    assert max(photo.rgb.shape[:2]) == MAX_SIDE_PX
    expected = np.asarray(upright.resize((photo.width_px, photo.height_px), Image.Resampling.BOX))
    assert np.abs(photo.rgb.astype(int) - expected.astype(int)).mean() < 3


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_ignored(orientation: int) -> None:
    """A photo with a nonsense orientation is taken as it lies."""
    data = saved(gradient(), "PNG", exif=with_orientation(orientation))
    np.testing.assert_array_equal(decode(data).rgb, np.asarray(gradient()))


@given(junk=st.binary(max_size=200))
@settings(max_examples=60, deadline=None)
def test_broken_exif_never_costs_the_photo(junk: bytes) -> None:
    """Whatever the EXIF block holds, the pixels are read."""
    data = saved(gradient(), "JPEG", exif=b"Exif\0\0" + junk)
    assert decode(data).rgb.shape == (48, 64, 3)


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_heic_and_avif_are_turned_once(kind: str, orientation: int) -> None:
    """Formats that carry their own turn are not turned again by EXIF."""
    data = saved(gradient(), kind, quality=95, exif=with_orientation(orientation).tobytes())
    with Image.open(io.BytesIO(data)) as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    photo = decode(data)
    assert photo.rgb.shape == expected.shape
    assert np.abs(photo.rgb.astype(int) - expected.astype(int)).mean() < 2


def test_sixteen_bit_grey_is_scaled_and_not_clipped() -> None:
    """A 16-bit PNG keeps its gradation: the top byte of each value."""
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (48, 1))
    photo = decode(saved(Image.fromarray(ramp), "PNG"))
    assert np.abs(photo.rgb[:, :, 0].astype(int) - (ramp >> 8)).max() <= 1


def test_a_dark_sixteen_bit_photo_stays_dark() -> None:
    """16-bit grey is scaled by the format's range, not by the photo's own brightest pixel."""
    photo = decode(saved(Image.fromarray(np.full((48, 64), 200, dtype=np.uint16)), "PNG"))
    assert photo.rgb.max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "YCbCr", "LAB", "F", "I;16"])
def test_every_colour_mode_becomes_rgb(mode: str) -> None:
    """Whatever the mode, the result is uint8 (H, W, 3)."""
    if mode == "I;16":
        image = Image.fromarray(np.full((48, 64), 30000, dtype=np.uint16))
    else:
        image = gradient().convert(mode) if mode != "LAB" else Image.new("LAB", (64, 48))
    photo = decode(saved(image, "PNG" if mode in {"1", "L", "P", "LA", "RGBA"} else "TIFF"))
    assert photo.rgb.shape == (48, 64, 3)
    assert photo.rgb.dtype == np.uint8


def test_a_cmyk_jpeg_shows_its_colours() -> None:
    """A CMYK JPEG is close to the RGB picture that it was made from."""
    photo = decode(saved(gradient().convert("CMYK"), "JPEG", quality=95))
    assert np.abs(photo.rgb.astype(int) - np.asarray(gradient()).astype(int)).mean() < 6


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_becomes_white(mode: str) -> None:
    """Transparency shows white behind it, as on paper."""
    photo = decode(saved(Image.new(mode, (64, 48), 0), "PNG"))
    assert (photo.rgb == 255).all()


def test_a_transparent_palette_entry_becomes_white() -> None:
    """A palette's transparent colour shows white."""
    image = Image.new("P", (64, 48), 0)
    image.putpalette([10, 20, 30] + [0] * 765)
    assert (decode(saved(image, "PNG", transparency=0)).rgb == 255).all()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_several_frames_are_refused(kind: str) -> None:
    """A file of several pictures is refused, saying that one must be chosen."""
    frames = [Image.new("RGB", (64, 48), colour) for colour in ("red", "green", "blue")]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)
    with pytest.raises(AnimatedPhoto, match="The file contains several pictures"):
        decode(data)


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_a_single_frame_of_an_animated_format_is_a_photo(kind: str) -> None:
    """A GIF or WebP of one picture is accepted."""
    assert decode(saved(gradient(), kind)).rgb.shape == (48, 64, 3)


def test_the_second_still_of_a_phone_photo_is_ignored() -> None:
    """An MPO with a second still (depth, burst) counts as its first."""
    data = saved(gradient(), "MPO", save_all=True, append_images=[Image.new("RGB", (64, 48))])
    assert decode(data).rgb.mean() > 50


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF", "BMP", "GIF", "JPEG2000"])
def test_a_file_cut_off_anywhere_is_a_photo_or_a_typed_refusal(kind: str) -> None:
    """Cut at any of 150 places, a file never raises anything but a PhotoError."""
    data = saved(gradient(), kind)
    for end in range(0, len(data), max(1, len(data) // 150)):
        with suppress(PhotoError):
            decode(data[:end])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP"])
def test_half_a_file_is_not_judged(kind: str) -> None:
    """A photo whose second half is missing is refused rather than judged with a grey bottom."""
    data = saved(gradient(640, 480), kind)
    with pytest.raises(TruncatedPhoto, match="damaged or incomplete"):
        decode(data[: len(data) // 2])


@given(data=st.binary(min_size=1, max_size=400))
@settings(max_examples=150, deadline=None)
def test_random_bytes_are_a_typed_refusal(data: bytes) -> None:
    """No bytes raise anything but a PhotoError."""
    with pytest.raises(PhotoError):
        decode(data)


@given(
    kind=st.sampled_from(["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "HEIF", "AVIF"]),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_flipped_bytes_are_a_photo_or_a_typed_refusal(kind: str, flips: list[tuple[float, int]]) -> None:
    """A damaged file gives a photo of sane shape or a PhotoError, decoded whole or a part of it at first."""
    data = bytearray(saved(gradient(), kind))
    for place, value in flips:
        data[int(place * (len(data) - 1))] = value
    for first_px in (None, 16):
        with suppress(PhotoError):
            photo = decode(bytes(data), first_px=first_px)
            assert max(photo.rgb.shape[:2]) <= MAX_SIDE_PX


def test_zero_bytes_have_their_own_refusal() -> None:
    """An empty file is called empty."""
    with pytest.raises(EmptyPhoto, match="0 bytes"):
        decode(b"")


def test_more_bytes_than_the_limit_are_refused() -> None:
    """The limit on bytes holds before anything is parsed."""
    with pytest.raises(PhotoTooManyBytes, match="smaller copy"):
        decode(b"x" * 1001, max_bytes=1000)


def test_the_limit_itself_is_accepted() -> None:
    """A photo of exactly the limit is read."""
    data = saved(gradient(), "PNG")
    assert decode(data, max_bytes=len(data)).width_px == 64


@pytest.mark.parametrize(("width_px", "height_px"), [(60_000, 60_000), (6_000, 6_000), (200_000, 1_000)])
def test_a_decompression_bomb_is_refused_by_its_header(width_px: int, height_px: int) -> None:
    """A few bytes that claim many pixels are refused without decoding any."""
    with pytest.raises(PhotoTooManyPixels, match="megapixels"):
        decode(png_header(width_px, height_px))


@pytest.mark.parametrize("size", [(31, 64), (64, 31), (1, 1)])
def test_too_few_pixels_are_refused(size: tuple[int, int]) -> None:
    """A thumbnail is called too small."""
    with pytest.raises(PhotoTooSmall, match="original photo"):
        decode(saved(Image.new("RGB", size), "PNG"))


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"%PDF-1.7\n", "PDF"),
        (b"8BPS\0\1", "Photoshop"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"PK\x03\x04aaaa", "ZIP"),
        (b"%!PS-Adobe", "PostScript"),
    ],
)
def test_known_other_formats_are_named(data: bytes, name: str) -> None:
    """A document in place of a photo is named in the refusal."""
    with pytest.raises(UnsupportedFormat, match=name):
        decode(data)


@pytest.mark.parametrize(
    ("kind", "name"), [("WEBP", "WebP"), ("HEIF", "HEIC"), ("AVIF", "AVIF"), ("TIFF", "TIFF"), ("GIF", "GIF")]
)
def test_the_beginning_of_a_photo_is_called_that(kind: str, name: str) -> None:
    """What begins like a photo is called damaged, and not another format or no photo at all."""
    with pytest.raises(TruncatedPhoto, match=rf"starts like a .*{name}.* but it is damaged"):
        decode(saved(gradient(), kind)[:12])


def test_text_is_not_a_photo() -> None:
    """Plain text is refused with the formats that are accepted."""
    with pytest.raises(NotAnImage, match="JPEG, PNG"):
        decode(b"Dear Sir or Madam, ...")


def test_a_large_photo_is_bounded_and_keeps_its_proportions() -> None:
    """The longer side is bounded; the original size is remembered."""
    photo = decode(saved(gradient(3200, 1000), "PNG"))
    assert photo.rgb.shape == (500, 1600, 3)
    assert (photo.original_width_px, photo.original_height_px) == (3200, 1000)


def png_of_comments() -> bytes:
    comment = b"tEXt" + b"a\0b"
    piece = struct.pack(">I", 3) + comment + struct.pack(">I", zlib.crc32(comment))
    whole = saved(gradient(), "PNG")
    return whole[:33] + piece * 200_000 + whole[33:]


def tiff_of_pages() -> bytes:
    tags = ((256, 64), (257, 64), (258, 8), (259, 1), (262, 1), (273, 0), (277, 1), (278, 64), (279, 4096))
    page = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 3, 1, v) for tag, v in tags)
    step = len(page) + 4
    pages = b"".join(page + struct.pack("<I", 8 + step * number) for number in range(1, 50_000))
    return b"II*\0" + struct.pack("<I", 8) + pages + page + struct.pack("<I", 0)


def jpeg_of_markers() -> bytes:
    whole = saved(gradient(), "JPEG")
    return whole[:2] + b"\xff\xe1\0\4ab" * 400_000 + whole[2:]


def gif_of_comments() -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", 64, 64, 0, 0, 0) + b"!\xfe\1a\0" * 400_000 + b";"


@pytest.mark.parametrize("make", [png_of_comments, tiff_of_pages, jpeg_of_markers, gif_of_comments])
def test_a_file_of_countless_pieces_is_refused_early(make: Callable[[], bytes]) -> None:
    """Files that would keep the parser looping are refused, however small the photo in them."""
    with pytest.raises((UnsupportedFormat, AnimatedPhoto), match=r"too many parts|several pictures"):
        decode(make())


def test_a_large_file_for_a_slow_decoder_is_refused() -> None:
    """A plain-text PPM of megabytes is refused, a small one read."""
    assert decode(b"P3 40 40 255 " + b"9 8 7 " * 1600).rgb[0, 0].tolist() == [9, 8, 7]
    with pytest.raises(UnsupportedFormat, match="rare form"):
        decode(b"P3 700 700 255 " + b"9 8 7 " * 490_000)


def test_float_grey_of_zero_to_one_spans_black_to_white() -> None:
    """A float TIFF of 0..1 uses the whole range."""
    ramp = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (48, 1))
    photo = decode(saved(Image.fromarray(ramp), "TIFF"))
    assert (photo.rgb.min(), photo.rgb.max()) == (0, 255)


def test_float_grey_with_holes_is_read() -> None:
    """Values that are no numbers become black."""
    ramp = np.full((48, 64), 0.5, dtype=np.float32)
    ramp[:10] = np.nan
    photo = decode(saved(Image.fromarray(ramp), "TIFF"))
    assert photo.rgb[0, 0, 0] == 0
    assert photo.rgb[40, 0, 0] == 127
