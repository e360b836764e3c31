"""Colours are brought to sRGB by the photo's profile, before anything looks at them."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from simsvc.domain.photo.colour_profiles import (
    BT709,
    Chromaticities,
    coded_profile,
    converts,
    in_srgb,
    matrix_profile,
)
from simsvc.domain.photo.decode import AS_STORED, IN_SRGB, decode
from simsvc.values import RgbImage
from tests.photo_files import chunk, saved, waves, with_chunks

CASES = Path(__file__).resolve().parents[5] / "shared" / "cases" / "wide_gamut"
D50 = (0.3457, 0.3585)
PROPHOTO: Chromaticities = (*D50, 0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001)
ADOBE: Chromaticities = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
SRGB = ImageCms.createProfile("sRGB")
WIDE = {
    "ProPhoto": matrix_profile(PROPHOTO, 1.8) or b"",
    "Adobe RGB": matrix_profile(ADOBE, 2.2) or b"",
    "Display P3": coded_profile(12, 13) or b"",
}


def skin(width: int = 160, height: int = 120) -> Image.Image:
    """Soft colours that sRGB, and every wider space, holds well."""
    values = np.asarray(waves(width, height)).astype(float)
    return Image.fromarray((120 + 0.35 * (values - 128)).astype(np.uint8))


def stored_in(picture: Image.Image, profile: bytes, mode: str = "RGB") -> Image.Image:
    """Return an sRGB picture as its numbers are in another space."""
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    converted = ImageCms.profileToProfile(picture, SRGB, opened, outputMode=mode)
    assert converted is not None
    converted.info.pop("icc_profile", None)
    return converted


def off(rgb: RgbImage, picture: Image.Image) -> float:
    return float(np.abs(rgb.astype(int) - np.asarray(picture.convert("RGB")).astype(int)).mean())


LOSSLESS = [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True})]
LOSSY = [("JPEG", {"quality": 98, "subsampling": 0}), ("HEIF", {"quality": 98}), ("AVIF", {"quality": 98})]


@pytest.mark.parametrize(("kind", "how"), [*LOSSLESS, *LOSSY], ids=str)
@pytest.mark.parametrize("space", WIDE)
def test_wide_colours_come_out_as_srgb(kind: str, how: dict[str, object], space: str) -> None:
    """In every format that carries a profile, a picture looks as it does in sRGB; as stored it does not."""
    data = saved(stored_in(skin(), WIDE[space]), kind, icc_profile=WIDE[space], **how)
    assert off(decode(data).rgb, skin()) < 2.0
    assert off(decode(data, reading=AS_STORED).rgb, skin()) > 1.5


def test_prophoto_is_what_the_library_knows() -> None:
    """A profile made here takes saturated colours where an independent formula does."""
    p3 = coded_profile(12, 13)
    there = np.asarray(in_srgb(Image.new("RGB", (1, 1), (200, 100, 80)), p3))[0, 0]
    linear = np.array([0.5776, 0.1274, 0.0802])  # of (200, 100, 80), by IEC 61966-2-1
    matrix = np.array([[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]])  # CSS Color 4
    expected = matrix @ linear
    encoded = np.where(expected > 0.0031308, 1.055 * expected ** (1 / 2.4) - 0.055, 12.92 * expected)
    assert np.abs(there - 255 * encoded).max() <= 1.5


@pytest.mark.parametrize("first_px", [None, 160, 320])
@pytest.mark.parametrize("size", [(640, 480), (1800, 1350)])
def test_every_level_of_a_jpeg_is_converted_alike(first_px: int | None, size: tuple[int, int]) -> None:
    """Halves, quarters and the whole have the same colours."""
    profile = WIDE["ProPhoto"]
    data = saved(stored_in(skin(*size), profile), "JPEG", quality=98, subsampling=0, icc_profile=profile)
    photo = decode(data, first_px=first_px)
    for scale in (0.2, 0.4, 1.0):
        copy, _ = photo.at_least(scale)
        expected = skin(*size).resize((copy.width_px, copy.height_px), Image.Resampling.BOX)
        assert off(copy.rgb, expected) < 2.0


@pytest.mark.parametrize(
    "profile",
    [
        ImageCms.ImageCmsProfile(SRGB).tobytes(),
        matrix_profile(BT709, None),
        coded_profile(1, 13),
        coded_profile(2, 2),
        coded_profile(9, 16),
        None,
        b"",
    ],
)
def test_srgb_stays_as_it_is(profile: bytes | None) -> None:
    """No number moves where the profile is sRGB, says nothing, or describes an HDR screen."""
    assert not converts(profile, "RGB")
    picture = waves()
    assert in_srgb(picture, profile) is picture


def damaged() -> bytes:
    return WIDE["ProPhoto"][:200]


def lying() -> bytes:
    profile = bytearray(WIDE["ProPhoto"])
    struct.pack_into(">I", profile, 128 + 8, 2**31)
    return bytes(profile)


GREY = ImageCms.ImageCmsProfile(SRGB).tobytes().replace(b"RGB ", b"GRAY")


@pytest.mark.parametrize("profile", [b"x", b"x" * 5000, damaged(), lying(), GREY, bytes(5_000_000)])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_a_profile_that_is_no_use_is_ignored(profile: bytes, kind: str) -> None:
    """Damaged, of another colour space or too large: the photo is read as one without."""
    how = {"lossless": True} if kind == "WEBP" else {}
    data = saved(waves(), kind, icc_profile=profile, **how)
    np.testing.assert_array_equal(decode(data).rgb, np.asarray(waves()))


def grey_profile(gamma: float) -> bytes:
    """Return a profile of grey with a power curve. Source: ICC.1:2022, sections 7.2 and 8.2."""
    curve = struct.pack(">4sIIH", b"curv", 0, 1, round(gamma * 256)) + b"\0\0"
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    tags = struct.pack(">I4sII4sII", 2, b"kTRC", 156, len(curve), b"wtpt", 156 + len(curve), len(white))
    body = tags + curve + white
    head = struct.pack(">I4sI4s4s4s", 128 + len(body), bytes(4), 0x02400000, b"mntr", b"GRAY", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + body


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG"])
@pytest.mark.parametrize(("gamma", "expected"), [(1.0, 188), (1.8, 146), (2.2, 129)])
def test_grey_is_read_by_its_profile(kind: str, gamma: float, expected: int) -> None:
    """A grey of a half shows as bright as its curve says: 1.0 is linear light, 2.2 nearly sRGB."""
    data = saved(Image.new("L", (64, 48), 128), kind, icc_profile=grey_profile(gamma))
    assert abs(int(decode(data).rgb[20, 20, 0]) - expected) <= 1
    assert int(decode(data, reading=AS_STORED).rgb[20, 20, 0]) == 128


def test_grey_with_transparency_is_read_by_its_profile_too() -> None:
    """On white, as without one."""
    picture = Image.new("LA", (64, 48), (128, 255))
    picture.putpixel((0, 0), (128, 0))
    rgb = decode(saved(picture, "PNG", icc_profile=grey_profile(1.0))).rgb
    assert abs(int(rgb[20, 20, 1]) - 188) <= 1
    assert rgb[0, 0].tolist() == [255, 255, 255]


def test_a_palette_is_read_by_its_profile() -> None:
    """The colours of a palette are converted like others."""
    profile = WIDE["Adobe RGB"]
    stored = stored_in(skin(), profile)
    data = saved(stored.quantize(256), "PNG", icc_profile=profile)
    assert off(decode(data).rgb, skin()) < 3.0


def test_a_cmyk_profile_that_is_none_leaves_cmyk_as_it_was() -> None:
    """A CMYK photo with a profile for RGB is read as one without."""
    picture = waves().convert("CMYK")
    plain, wrong = (
        decode(saved(picture, "TIFF", **how)).rgb for how in ({}, {"icc_profile": WIDE["Adobe RGB"]})
    )
    np.testing.assert_array_equal(plain, wrong)


def test_lab_is_read() -> None:
    """Lab numbers show the colours that they stand for, with their profile or without."""
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    stored = stored_in(skin(), lab, "LAB")
    for how in ({}, {"icc_profile": lab}):
        assert off(decode(saved(stored, "TIFF", **how)).rgb, skin()) < 3.0


def fixed(values: Chromaticities) -> bytes:
    return struct.pack(">8I", *(round(value * 100_000) for value in values))


@pytest.mark.parametrize(
    ("chunks", "profile"),
    [
        ([chunk(b"cHRM", fixed(ADOBE)), chunk(b"gAMA", struct.pack(">I", 45455))], None),
        ([chunk(b"gAMA", struct.pack(">I", 55556))], matrix_profile(BT709, 1.8)),
        (
            [chunk(b"cHRM", fixed(ADOBE)), chunk(b"gAMA", struct.pack(">I", 50000))],
            matrix_profile(ADOBE, 2.0),
        ),
        ([chunk(b"cICP", bytes((12, 13, 0, 1)))], coded_profile(12, 13)),
        ([chunk(b"cICP", bytes((1, 8, 0, 1)))], coded_profile(1, 8)),
    ],
)
def test_a_png_says_its_colours_without_a_profile(chunks: list[bytes], profile: bytes | None) -> None:
    """Primaries, gamma and code points are read as the profile that they stand for."""
    profile = profile or matrix_profile(ADOBE, None) or b""
    data = with_chunks(saved(stored_in(skin(), profile), "PNG"), *chunks)
    assert off(decode(data).rgb, skin()) < 1.5
    assert off(decode(data, reading=AS_STORED).rgb, skin()) > 2.0


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk(b"gAMA", struct.pack(">I", 45455))],
        [chunk(b"gAMA", struct.pack(">I", 45455)), chunk(b"cHRM", fixed(BT709))],
        [chunk(b"sRGB", b"\0"), chunk(b"gAMA", struct.pack(">I", 55556))],
        [chunk(b"gAMA", bytes(4))],
        [chunk(b"cHRM", bytes(32))],
        [chunk(b"cHRM", b"\0\0\0\1" * 8)],
        [chunk(b"cICP", b"\x0c")],
        [chunk(b"cICP", bytes((9, 16, 0, 1)))],
    ],
)
def test_a_png_that_says_srgb_or_nonsense_stays_as_it_is(chunks: list[bytes]) -> None:
    """What encoders write for sRGB changes nothing, and neither do numbers that are no colours."""
    rgb = decode(with_chunks(saved(waves(), "PNG"), *chunks)).rgb
    assert np.abs(rgb.astype(int) - np.asarray(waves()).astype(int)).max() <= 1


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_code_points_of_heic_and_avif_are_read(kind: str) -> None:
    """Display P3 by its code points, as phones may write it, is converted."""
    data = bytearray(saved(stored_in(skin(), WIDE["Display P3"]), kind, quality=98))
    at = data.find(b"colrnclx")
    assert at > 0
    struct.pack_into(">HH", data, at + 8, 12, 13)
    assert off(decode(bytes(data)).rgb, skin()) < 2.0
    assert off(decode(bytes(data), reading=AS_STORED).rgb, skin()) > 1.5


def test_sixteen_bits_are_read_by_their_profile() -> None:
    """A 16-bit grey TIFF is narrowed first and then converted."""
    picture = Image.fromarray(np.full((48, 64), 128 * 257, dtype=np.uint16))
    assert abs(int(decode(saved(picture, "TIFF", icc_profile=grey_profile(1.0))).rgb[0, 0, 0]) - 188) <= 1


@pytest.mark.parametrize("reading", [AS_STORED, IN_SRGB])
def test_photos_without_a_profile_are_read_alike(reading: int) -> None:
    """Older estimates of such photos are the same by either reading."""
    for kind in ("JPEG", "PNG", "WEBP"):
        data = saved(waves(1700, 900), kind)
        np.testing.assert_array_equal(decode(data, reading=reading).rgb, decode(data).rgb)


@pytest.mark.data
def test_the_case_of_prophoto_shows_what_its_twin_shows() -> None:
    """ProPhoto RGB and sRGB differ by JPEG's losses only."""
    if not CASES.is_dir():
        pytest.skip("../shared/cases/wide_gamut is not here")
    wide, plain = (decode((CASES / name).read_bytes()).rgb for name in ("ProPhoto.jpg", "srgb.jpg"))
    difference = wide.astype(int) - plain.astype(int)
    assert np.abs(difference).mean() < 1.0
    assert np.abs(difference.mean(axis=(0, 1))).max() < 0.5
