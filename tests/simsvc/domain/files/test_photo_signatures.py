import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simsvc.domain.files.photo_signatures import HEAD_BYTES, is_picture, promises_picture
from simsvc.domain.photo.decode import FORMATS, decode
from simsvc.errors import PhotoError

DATA = Path(__file__).parents[5] / "shared" / "data"
CASES = DATA.parent / "cases"
NO_PICTURES = [
    b"",
    b"file,age\n1.jpg,30\n",
    b"BMW is a make of cars and no photo",
    b"P1 is the first page of the notes",
    b"II. Second part",
    b"MM. what else there is",
    b"%PDF-1.7\n",
    b"PK\x03\x04\x14\x00",
    b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00isommp42",
    b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00qt  ",
    b"RIFF\x24\x08\x00\x00WAVEfmt ",
    b"\x1aE\xdf\xa3",
    b"<?xml version='1.0'?>",
    b"{}",
    bytes(32),
]


@pytest.mark.parametrize("kind", [*FORMATS, "MPO"])
def test_every_accepted_format_is_a_picture(kind: str) -> None:
    """What may be decoded is told to be a picture by its first bytes."""
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    Image.fromarray(pixels).save(file, format=kind)
    assert is_picture(file.getvalue()[:HEAD_BYTES])


@pytest.mark.parametrize("head", NO_PICTURES)
def test_texts_films_and_documents_are_no_pictures(head: bytes) -> None:
    """A text that begins like a picture's signature, a film, a document and an archive are no pictures."""
    assert not is_picture(head[:HEAD_BYTES])


@pytest.mark.parametrize(
    "head",
    [
        b"\x00\x00\x00\x18ftypcrx \x00\x00\x00\x01crx isom",
        b"FUJIFILMCCD-RAW 0201FF383501",
        b"\xff\x0a\xfa\x1f",
        b"\x00\x00\x00\x0cJXL \r\n\x87\n\x00\x00\x00\x14ftypjxl ",
        b"II*\x00\x10\x00\x00\x00CR\x02\x00",
        b"IIRO\x08\x00\x00\x00",
        b"IIU\x00\x18\x00\x00\x00",
        b"\x00\x00\x00\x1cftypisom\x00\x00\x00\x00mif1heic",
    ],
)
def test_formats_that_are_refused_by_name_are_pictures(head: bytes) -> None:
    """Raw photos, JPEG XL, and files that only their compatible brands tell from films are pictures."""
    assert is_picture(head)


@pytest.mark.parametrize("name", ["a.jpg", "a.JPG", "a.jfif", "a.JPE", "a.mpo", "a.b.heic", "a.dng", "a.jxl"])
def test_endings_that_promise(name: str) -> None:
    """The endings of photos promise a picture in any case."""
    assert promises_picture(name)


@pytest.mark.parametrize("name", ["a", "a.txt", "jpg", "a.jpg.txt", "", "a."])
def test_endings_that_do_not_promise(name: str) -> None:
    """Other endings, and none, promise nothing."""
    assert not promises_picture(name)


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is absent")
def test_whatever_can_be_decoded_is_a_picture() -> None:
    """Of all odd files at hand, none that can be decoded would be left out by its first bytes."""
    missed = []
    for path in sorted((DATA / "hostile").rglob("*")):
        data = path.read_bytes() if path.is_file() else b""
        if data and len(data) < 2_000_000 and not is_picture(data[:HEAD_BYTES]):
            try:
                decode(data, max_bytes=2_000_000)
            except PhotoError:
                continue
            missed.append(path.name)
    assert missed == []


@pytest.mark.data
@pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is absent")
@pytest.mark.parametrize("folder", ["jfif", "jxl_raw", "tiff_thumbnail", "dng_thumbnail", "png_big_xmp"])
def test_cases_are_pictures(folder: str) -> None:
    """Every file of the cases of odd photos is a picture."""
    heads = {path.name: path.read_bytes()[:HEAD_BYTES] for path in (CASES / folder).iterdir()}
    assert [name for name, head in heads.items() if not is_picture(head)] == []
