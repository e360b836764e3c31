"""Which picture of a TIFF is the photo, and what is a raw file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simsvc.domain.files.other_signatures import RAW_FORMATS
from simsvc.domain.photo.decode import decode
from simsvc.errors import AnimatedPhoto, UnsupportedFormat
from tests.photo_files import Tag, page, saved, strips, tiff, waves

CASES = Path(__file__).resolve().parents[5] / "shared" / "cases"
REDUCED: Tag = (254, 4, 1)


def shrunk(picture: Image.Image, part: int = 4) -> Image.Image:
    return picture.resize((picture.width // part, picture.height // part), Image.Resampling.LANCZOS)


def saved_pages(*pages: Image.Image, **options: object) -> bytes:
    return saved(pages[0], "TIFF", save_all=True, append_images=pages[1:], **options)


def two(first: list[Tag], second: list[Tag]) -> bytes:
    """Return a TIFF whose pages share one payload, that of the larger picture."""
    return tiff([first, second], waves(640, 480).tobytes())


@pytest.mark.parametrize("how", [(254, 4, 1), (255, 3, 2), (254, 4, 5)])
@pytest.mark.parametrize("thumbnail_first", [False, True])
def test_a_tiff_with_its_thumbnail_is_read_from_its_full_page(how: Tag, thumbnail_first: bool) -> None:
    """A page that calls itself reduced is passed over, wherever it stands and whatever it shows."""
    full, small = page(waves(640, 480)), page(waves(160, 120, seed=3), how)
    photo = decode(two(small, full) if thumbnail_first else two(full, small))
    np.testing.assert_array_equal(photo.rgb, np.asarray(waves(640, 480)))


@pytest.mark.parametrize("big_tiff", [False, True])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_deflate", "jpeg"])
def test_smaller_copies_are_passed_over(compression: str, big_tiff: bool) -> None:
    """The steps of a pyramid are the same photo, though none says so."""
    whole = waves(640, 480)
    for pages in ((whole, shrunk(whole, 2), shrunk(whole, 4)), (shrunk(whole, 4), whole)):
        photo = decode(saved_pages(*pages, compression=compression, big_tiff=big_tiff))
        assert (photo.original_width_px, photo.original_height_px) == (640, 480)
        assert np.abs(photo.rgb.astype(int) - np.asarray(whole)).mean() < 3


@pytest.mark.parametrize(
    "pages",
    [
        (waves(640, 480), waves(640, 480, seed=1)),
        (waves(640, 480), waves(640, 480)),
        (waves(640, 480), waves(320, 240, seed=1)),
        (waves(640, 480), shrunk(waves(640, 480)), waves(200, 150, seed=2)),
        (waves(640, 480), waves(160, 400)),
    ],
)
def test_several_photos_stay_refused(pages: tuple[Image.Image, ...]) -> None:
    """Another picture is no copy: of the same size, a smaller one, or one behind a copy."""
    with pytest.raises(AnimatedPhoto, match="several pictures"):
        decode(saved_pages(*pages))


def test_a_page_of_a_document_is_no_thumbnail() -> None:
    """NewSubfileType 2 marks one page of several."""
    sheet: Tag = (254, 4, 2)
    with pytest.raises(AnimatedPhoto):
        decode(two(page(waves(640, 480), sheet), page(waves(600, 480), sheet)))


def test_a_mask_is_passed_over() -> None:
    """A transparency mask beside the photo is not a second photo."""
    mask = page(waves(640, 480), (254, 4, 4))
    np.testing.assert_array_equal(decode(two(page(waves(640, 480)), mask)).rgb, np.asarray(waves(640, 480)))


def test_the_full_picture_below_a_thumbnail_is_read() -> None:
    """A thumbnail whose SubIFD is the photo is never judged in its place."""
    data = tiff([page(waves(160, 120), REDUCED)], waves(640, 480).tobytes(), below=page(waves(640, 480)))
    photo = decode(data)
    assert (photo.original_width_px, photo.original_height_px) == (640, 480)
    np.testing.assert_array_equal(photo.rgb, np.asarray(waves(640, 480)))


def test_copies_below_the_photo_are_passed_over() -> None:
    """An edited photo may carry its previews in SubIFDs."""
    data = tiff([page(waves(640, 480))], waves(640, 480).tobytes(), below=page(waves(160, 120), REDUCED))
    assert decode(data).width_px == 640


def of(make: str) -> Tag:
    return (271, 2, [*make.encode(), 0])


def raw(make: str, *below: Tag) -> bytes:
    """Return a TIFF of a thumbnail and, below it, what a sensor saw."""
    return tiff([page(waves(), REDUCED, of(make))], waves().tobytes(), below=page(waves(), *below))


SENSOR: Tag = (262, 3, 32803)
RAW_FILES = {
    "DNG": tiff([page(waves(), REDUCED, (50706, 1, [1, 4, 0, 0]))], waves().tobytes(), below=page(waves())),
    "NEF": raw("NIKON CORPORATION", SENSOR),
    "ARW": raw("SONY", (259, 3, 32767)),
    "PEF": tiff([page(waves(), of("PENTAX"), (259, 3, 65535))], waves().tobytes()),
    "SRW": raw("SAMSUNG", (259, 3, 32770)),
    "3FR": raw("Hasselblad", SENSOR),
    "camera's": tiff([page(waves(), (262, 3, 34892))], waves().tobytes()),
    "CR2": b"II*\0\x10\0\0\0CR\2\0" + bytes(100),
    "CR3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(100),
    "RAF": b"FUJIFILMCCD-RAW 0201FF129502" + bytes(100),
    "ORF": b"IIRO\x08\0\0\0" + bytes(100),
    "RW2": b"IIU\0\x18\0\0\0" + bytes(100),
    "X3F": b"FOVb" + bytes(100),
    "MRW": b"\0MRM" + bytes(100),
    "CRW": b"II\x1a\0\0\0HEAPCCDR" + bytes(100),
}  # fmt: skip


@pytest.mark.parametrize("name", RAW_FILES)
def test_raw_files_are_named(name: str) -> None:
    """A raw file is called by its name, with what to do."""
    with pytest.raises(
        UnsupportedFormat, match=r"raw file.*raw sensor data, not a photo.*Export it as JPEG"
    ) as told:
        decode(RAW_FILES[name])
    assert name in told.value.sentence
    assert any(raw in told.value.sentence for raw in RAW_FORMATS)


@pytest.mark.parametrize("data", [b"\xff\x0a" + bytes(50), b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50)])
def test_jpeg_xl_is_named(data: bytes) -> None:
    """Bare and in its container, JPEG XL is called by its name."""
    with pytest.raises(UnsupportedFormat, match=r"JPEG XL image, which is not supported yet\. Save it"):
        decode(data)


def test_a_cameras_ordinary_tiff_is_a_photo() -> None:
    """The maker alone does not make a file raw."""
    assert decode(tiff([page(waves(), of("NIKON CORPORATION"))], waves().tobytes())).width_px == 160


def test_sixteen_bits_in_one_strip_are_read() -> None:
    """A 16-bit scan is read, its colours as they are."""
    samples = (np.asarray(waves()).astype("<u2") * 257).tobytes()
    photo = decode(strips((160, 120), 120, 1, samples, samples=3, bits=16))
    assert np.abs(photo.rgb.astype(int) - np.asarray(waves())).max() <= 1


@pytest.mark.data
def test_the_cases_of_tiffs() -> None:
    """The thumbnail's file is read from its full page; the DNG is named."""
    for name in ("tiff_thumbnail/tiff_with_thumb.tif", "dng_thumbnail/like_dng.dng"):
        if not (CASES / name).is_file():
            pytest.skip(f"../shared/cases/{name} is not here")
    assert decode((CASES / "tiff_thumbnail/tiff_with_thumb.tif").read_bytes()).rgb.shape == (675, 675, 3)
    with pytest.raises(UnsupportedFormat, match="DNG"):
        decode((CASES / "dng_thumbnail/like_dng.dng").read_bytes())


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "said"),
    [("naked.jxl", "JPEG XL"), ("photo.jxl", "JPEG XL"), ("raw.cr3", "CR3"), ("raw.raf", "RAF")],
)
def test_the_cases_of_new_and_raw_formats(name: str, said: str) -> None:
    """Each is named."""
    if not (CASES / "jxl_raw" / name).is_file():
        pytest.skip(f"../shared/cases/jxl_raw/{name} is not here")
    with pytest.raises(UnsupportedFormat, match=said):
        decode((CASES / "jxl_raw" / name).read_bytes())
