"""What a file asks for is judged by its header, before anything is allocated."""

from __future__ import annotations

import io
import struct
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simsvc.domain.files.decode_cost import is_cheap
from simsvc.domain.files.jpeg_header import count_scans, jpeg_header
from simsvc.domain.files.png_chunks import without_long_texts
from simsvc.domain.photo.decode import decode
from simsvc.errors import PhotoError, PhotoTooCostly, TruncatedPhoto, UnsupportedFormat
from tests.photo_files import ZEROS, chunk, page, saved, scans, strips, tiff, tiles, waves, with_chunks

CASES = Path(__file__).resolve().parents[5] / "shared" / "cases"
BOMB = zlib.compress(bytes(60_000_000))


@pytest.fixture(scope="module")
def unpacking_s() -> float:
    """Return the processor time in which this machine unpacks 60 MB, as a measure of what is "at once"."""
    return min(timed(lambda: zlib.decompress(BOMB)) for _ in range(3))


def timed(work: Callable[[], object]) -> float:
    """Return the processor time that some work takes."""
    start_s = time.process_time()
    work()
    return time.process_time() - start_s


def refused(data: bytes, words: str | None = None) -> None:
    with pytest.raises(PhotoTooCostly, match=words):
        decode(data)


def case(name: str) -> bytes:
    path = CASES / name
    if not path.is_file():
        pytest.skip(f"../shared/cases/{name} is not here")
    return path.read_bytes()


COSTLY_TIFFS = {
    "a tile of 46,336": tiles((640, 640), (46_336, 46_336), 8),
    "a wide tile": tiles((640, 640), (1_000_000, 640), 8),
    "a tile of 16 bits": tiles((640, 640), (10_000, 10_000), 8, samples=4, bits=16),
    "planes": tiles((640, 640), (20_000, 20_000), 8, samples=3, planes=2),
    "PackBits": tiles((640, 640), (30_000, 30_000), 32_773),
    "LZW": tiles((640, 640), (30_000, 30_000), 5),
    "not packed": tiles((640, 640), (30_000, 30_000), 1),
    "many tiles beside the picture": tiles((32, 40_000), (20_000, 16), 8),
    "60,000 samples": strips((640, 640), 640, 8, ZEROS, samples=60_000),
    "1,000 bits": strips((1000, 5000), 5000, 8, ZEROS, samples=8, bits=1000),
}


@pytest.mark.parametrize("data", COSTLY_TIFFS.values(), ids=COSTLY_TIFFS)
def test_a_tiff_is_refused_by_what_decoding_would_allocate(data: bytes, unpacking_s: float) -> None:
    """Tiles, strips, planes and samples are added up before any of them is made."""
    assert timed(lambda: refused(data, r"MB of memory to decode\. Save it as")) < unpacking_s


def test_a_tiff_of_countless_strips_is_refused() -> None:
    """Strips are counted, not read."""
    with pytest.raises(UnsupportedFormat, match="This file has too many parts for a photo"):
        decode(strips((64, 60_000), 1, 8, ZEROS))


def test_values_that_are_claimed_again_and_again_are_refused() -> None:
    """Tags that claim the same bytes a thousand times would each get a copy."""
    many = [(60_000 + number, 1, [0] * 5) for number in range(3000)]
    data = bytearray(tiff([page(waves(64, 64), *many)], waves(64, 64).tobytes()))
    at = struct.unpack_from("<I", data, 4)[0]
    for entry in range(at + 2 + 12 * 9, at + 2 + 12 * 3009, 12):
        struct.pack_into("<II", data, entry + 4, len(data) - 8, 8)
    with pytest.raises(TruncatedPhoto, match="damaged"):
        decode(bytes(data))


@pytest.mark.parametrize(
    "data",
    [scans(7000, 7000, 40), scans(3000, 3000, 200), scans(640, 640, 900), scans(64, 64, 100_000)],
    ids=["7000 px", "3000 px", "640 px", "64 px"],
)
def test_a_jpeg_is_refused_by_its_scans(data: bytes, unpacking_s: float) -> None:
    """Pixels times scans, and scans by themselves, are limited before the first of them is decoded."""
    assert timed(lambda: refused(data, "too long to decode")) < unpacking_s


@pytest.mark.parametrize("hidden", [b"\xff\xfe\0\6\xff\xd9\xff\xd9", b"\xff\xfe\0\4\xff\xd9", b"\xff\xff"])
def test_scans_are_counted_as_the_decoder_meets_them(hidden: bytes) -> None:
    """An end inside a comment hides no scan, and fill bytes do not; a scan inside a comment is none."""
    data = scans(64, 64, 20, between=hidden)
    header = jpeg_header(data)
    assert header
    first = count_scans(scans(64, 64, 0), header.scans_at, 1000)
    assert count_scans(data, header.scans_at, 1000) == first + 20
    comment = b"\xff\xfe\0\4\xff\xda"
    assert count_scans(scans(64, 64, 20, between=comment), header.scans_at, 1000) == first + 20


def test_what_follows_the_photo_is_not_counted() -> None:
    """The film that a phone hangs on to its JPEG holds any bytes."""
    data = saved(waves(), "JPEG", progressive=True)
    header = jpeg_header(data)
    assert header
    own = count_scans(data, header.scans_at, 1000)
    assert own == count_scans(data + b"\xff\xda\0\3\0" * 500, header.scans_at, 1000)
    assert decode(data + b"\xff\xda\0\3\0" * 90_000).width_px == 160


@pytest.mark.parametrize("kind", ["JPEG", "MPO"])
def test_ordinary_progressive_photos_are_read(kind: str) -> None:
    """Ten scans of twelve megapixels, as libjpeg writes them."""
    assert decode(saved(Image.new("RGB", (4000, 3000), "teal"), kind, progressive=True)).width_px == 1600


def test_a_jpeg_of_twelve_bits_is_named() -> None:
    """A JPEG whose samples have 12 bits is called a rare form, not damaged."""
    data = bytearray(saved(waves(), "JPEG"))
    data[data.find(b"\xff\xc0") + 4] = 12
    with pytest.raises(UnsupportedFormat, match="12 bits"):
        decode(bytes(data))


@pytest.mark.parametrize(
    "data",
    [
        saved(waves(4000, 3000), "JPEG"),
        saved(waves(1280, 1700), "JPEG", progressive=True),
        saved(waves(640, 480).convert("L"), "JPEG"),
        saved(waves(1600, 1200), "PNG"),
    ],
    ids=["12 MP", "progressive", "grey", "PNG"],
)
def test_ordinary_photos_are_cheap(data: bytes) -> None:
    """What cameras, phones and screenshots make needs no other process."""
    assert is_cheap(data)


def exif_that_unfolds() -> bytes:
    entries = b"".join(struct.pack("<HHII", 0x1000 + n, 7, 60_000, 8) for n in range(4000))
    block = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 4000) + entries + bytes(4)
    whole = saved(waves(), "JPEG")
    return whole[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + whole[2:]


@pytest.mark.parametrize(
    "data",
    [
        saved(waves(5000, 4000), "JPEG"),
        scans(2000, 2000, 60),
        scans(64, 64, 100),
        exif_that_unfolds(),
        saved(waves(), "JPEG", icc_profile=bytes(60_000)),
        saved(waves(2500, 2000), "PNG"),
        with_chunks(saved(waves(), "PNG"), chunk(b"iCCP", b"a\0\0" + bytes(10_000))),
        *(saved(waves(), kind) for kind in ("WEBP", "HEIF", "AVIF", "TIFF", "GIF", "BMP", "JPEG2000", "PPM")),
        b"",
        b"\xff\xd8\xff",
        saved(waves(), "JPEG")[:300],
    ],
)
def test_everything_else_is_not_taken_for_cheap(data: bytes) -> None:
    """In doubt a photo goes to the process that has limits."""
    assert not is_cheap(data)


TEXT = zlib.compress(b"x" * 1_600_000)


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + TEXT)],
        [chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b"y" * 20_000_000)],
        [chunk(b"zTXt", b"Comment\0\0" + TEXT)],
        [chunk(b"tEXt", b"Comment\0" + b"y" * 2_000_000)],
        [chunk(b"zTXt", b"Comment\0\0" + BOMB)] * 40,
        [chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(900_000)))] * 200,
        [chunk(b"iCCP", b"p\0\0" + BOMB)],
        [chunk(b"eXIf", b"II*\0" + bytes(3_000_000))],
        [chunk(b"zTXt", b"Comment\0\0no zlib")],
    ],
)
def test_a_png_with_long_texts_is_read(chunks: list[bytes], unpacking_s: float) -> None:
    """Texts and profiles of any length are passed over; forty unpacked whole would take forty times."""
    data, start_s = with_chunks(saved(waves(), "PNG"), *chunks), time.process_time()
    photo = decode(data)
    assert time.process_time() - start_s < 10 * unpacking_s
    np.testing.assert_array_equal(photo.rgb, np.asarray(waves()))


def test_a_png_without_long_texts_is_the_very_file() -> None:
    """Nothing is copied where nothing is left out, also of a file that is cut off."""
    data = with_chunks(saved(waves(), "PNG"), chunk(b"tEXt", b"a\0b"))
    assert without_long_texts(data) is data
    for end in range(0, len(data), 97):
        assert without_long_texts(data[:end]) == data[:end]


@pytest.mark.data
def test_the_cases_of_bombs_are_refused_at_once(unpacking_s: float) -> None:
    """Both files that took seconds and gigabytes are refused in milliseconds."""
    for name in ("bombs/tile46k.tif", "bombs/j1000.jpg"):
        data = case(name)
        assert timed(lambda data=data: refused(data)) < unpacking_s


@pytest.mark.data
def test_the_case_of_xmp_is_read() -> None:
    """A PNG with 1.6 MB of XMP is a photo."""
    data = case("png_big_xmp/xmp.png")
    with Image.open(io.BytesIO(without_long_texts(data))) as plain:
        np.testing.assert_array_equal(decode(data).rgb, np.asarray(plain.convert("RGB")))


@pytest.mark.data
@pytest.mark.parametrize("name", ["a.jfif", "b.jpe", "c.mpo", "e.jpg", "f_without_ending"])
def test_the_cases_of_endings_are_photos(name: str) -> None:
    """The content decides what a file is."""
    assert decode(case(f"jfif/{name}")).format == "JPEG"


def test_damaged_headers_are_typed_refusals() -> None:
    """No byte of a header that is turned raises anything but a PhotoError."""
    whole = tiff([page(waves(64, 48))], waves(64, 48).tobytes())
    header = bytearray(whole)
    for at in (*range(8), *range(len(whole) - 160, len(whole))):
        for value in (0, 255, header[at] ^ 1):
            turned = bytes(header[:at]) + bytes([value]) + bytes(header[at + 1 :])
            with suppress(PhotoError):
                assert decode(turned).rgb.size
