from __future__ import annotations

import io
import itertools
import struct
import time
import unicodedata
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.adapters.photos.zip_archive import PhotoZip, files_stated, is_zip
from simsvc.errors import (
    ArchiveBomb,
    ArchiveDamaged,
    ArchiveEncrypted,
    ArchiveNested,
    ArchiveUnsafe,
    BatchError,
    BatchTooLarge,
)
from tests.handmade_zips import DEFLATED, UTF8, Made, made_zip, named_nine_times, quoted
from tests.helpers import CASES, zipped

JPEG = b"\xff\xd8\xff"


def unpacked(data: bytes, most_photo: int = 10_000_000) -> list[tuple[str, bytes | None]]:
    return [
        (file.path, file.data)
        for file in PhotoZip(io.BytesIO(data), most_photo).files()
        if file.sort == "photo"
    ]


def left_out(data: bytes) -> list[tuple[str, str]]:
    files = PhotoZip(io.BytesIO(data), 1_000_000).files()
    return [(file.path, file.sort) for file in files if file.sort not in {"photo", "table"}]


def test_photos_come_in_order() -> None:
    """Photos in folders of either kind come as they are packed, with their folders; folders are no files."""
    files = {"b/": b"", "b/1.jpg": b"one", "c\\2.jpg": b"two", "c\\": b""}
    assert unpacked(zipped(files)) == [("b/1.jpg", b"one"), ("c/2.jpg", b"two")]


def test_what_is_no_photo_is_named() -> None:
    """What systems add, sidecars and texts are left out by name, each with its reason, and never unpacked."""
    files = {
        "__MACOSX/b/._1.jpg": b"x",
        "b/.DS_Store": b"x",
        "b/@eaDir/1.jpg/SYNOPHOTO_THUMB_XL.jpg": JPEG,
        "b/1.xmp": b"x",
        "b/notes.txt": b"to do",
        "b/letter.docx": zipped({"[Content_Types].xml": b"x"}),
        "b/clip.mov": b"\0\0\0\x14ftypqt  ",
    }
    assert left_out(zipped(files)) == [
        ("__MACOSX/b/._1.jpg", "metadata"),
        ("b/.DS_Store", "metadata"),
        ("b/@eaDir/1.jpg/SYNOPHOTO_THUMB_XL.jpg", "thumbnail"),
        ("b/1.xmp", "sidecar"),
        ("b/notes.txt", "not_a_photo"),
        ("b/letter.docx", "not_a_photo"),
        ("b/clip.mov", "not_a_photo"),
    ]


@pytest.mark.parametrize("name", ["a.jfif", "a.jpe", "a.mpo", "a", "a.dat", "IMG_1.jpg.bak"])
def test_content_decides_and_not_the_ending(name: str) -> None:
    """A JPEG is a photo whatever it is called."""
    assert unpacked(zipped({name: JPEG + b"..."})) == [(name, JPEG + b"...")]


def test_a_file_that_is_called_a_photo_is_one() -> None:
    """So that it gets its row and refusal, also where it is empty, a text or a PDF document."""
    files = {"a.jpg": b"no photo", "b.heic": b"", "c.pdf": b"%PDF-1.7", "scan": b"%PDF-1.7"}
    assert [path for path, _ in unpacked(zipped(files))] == list(files)


@pytest.mark.parametrize(
    "name", ["../x.jpg", "a/../../x.jpg", "/etc/x.jpg", "C:/x.jpg", "..\\x.jpg", "C:\\x.jpg"]
)
def test_names_that_lead_out_are_refused(name: str) -> None:
    """Not one file is taken from such a ZIP, wherever the name stands in it."""
    with pytest.raises(ArchiveUnsafe):
        PhotoZip(io.BytesIO(zipped({"ok.jpg": b"1", name: b"2"})), 10)


def test_a_link_is_refused() -> None:
    """A symbolic link is no photo."""
    link = zipfile.ZipInfo("x.jpg")
    link.external_attr = 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ArchiveUnsafe):
        unpacked(buffer.getvalue())


@pytest.mark.parametrize("name", ["photo.jpg", "photos.zip", "photo"])
@pytest.mark.parametrize("inner", [zipped({"x.jpg": b"1"}), b"\x1f\x8b\x08" + b"0" * 9, b"Rar!\x1a\x07\x00"])
def test_an_archive_within_is_refused(inner: bytes, name: str) -> None:
    """Whatever it is called."""
    with pytest.raises(ArchiveNested):
        unpacked(zipped({name: inner}))


def test_a_password_is_told() -> None:
    """A file marked as encrypted is refused before it is read."""
    with pytest.raises(ArchiveEncrypted):
        unpacked(made_zip(Made(b"x.jpg", b"1", flags=1)))


@pytest.mark.data
@pytest.mark.skipif(not CASES.is_dir(), reason=f"needs {CASES}")
def test_the_known_bomb_is_refused() -> None:
    """A ZIP whose list names one file nine times is refused before anything is unpacked."""
    with pytest.raises(ArchiveBomb):
        PhotoZip(io.BytesIO((CASES / "bombs" / "overlapping_entries.zip").read_bytes()), 25_000_000)


PHOTO = JPEG + bytes(5_000)
ONE, TWO = Made(b"1.jpg", PHOTO, DEFLATED), Made(b"2.jpg", PHOTO, DEFLATED)


@pytest.mark.parametrize(
    "bomb",
    [
        named_nine_times(PHOTO),
        quoted(4, PHOTO),
        made_zip(ONE, listed=(Made(b"1.jpg", PHOTO, DEFLATED, offset=0),)),
        made_zip(Made(b"1.jpg", PHOTO, DEFLATED, packed_bytes=len(ONE.packed) + 1), TWO),
        made_zip(ONE, Made(b"2.jpg", PHOTO, DEFLATED, packed_bytes=len(TWO.packed) + 1)),
        made_zip(
            Made(b"1.jpg", b"PK\x03\x04" + PHOTO),
            listed=(Made(b"x", PHOTO, offset=35),),
        ),
    ],
    ids=["one file nine times", "quoted headers", "one twice", "into the next", "into the list", "within"],
)
def test_files_that_share_bytes_are_refused(bomb: bytes) -> None:
    """As a whole, partly, with headers quoted within files, and with the list of files."""
    with pytest.raises(ArchiveBomb):
        PhotoZip(io.BytesIO(bomb), 25_000_000)


def test_files_with_gaps_between_them_are_fine() -> None:
    """What packing programs leave between files and before the list is nobody's concern."""
    assert unpacked(made_zip(ONE, TWO, between=b"signature" * 9)) == [("1.jpg", PHOTO), ("2.jpg", PHOTO)]
    assert unpacked(b"#!/bin/sh\n" + made_zip(ONE)) == [("1.jpg", PHOTO)]


def test_a_dense_file_is_a_photo_like_any_other() -> None:
    """A blank page packs to nothing; what bounds it is what is written."""
    blank = b"BM" + bytes(9_000_000)
    assert unpacked(zipped({"page.bmp": blank})) == [("page.bmp", blank)]


def test_a_file_with_too_many_bytes_is_named_and_not_unpacked() -> None:
    """The others of the ZIP are not refused for it; fifty such files cost less than unpacking five."""
    files = {f"{number}.jpg": bytes(10_000_000) for number in range(50)}
    data, few = zipped({**files, "ok.jpg": b"1"}), zipped(dict(list(files.items())[:5]))
    began = time.process_time()
    unpacked(few)
    whole_s, began = time.process_time() - began, time.process_time()
    assert unpacked(data, most_photo=1_000_000) == [*((name, None) for name in files), ("ok.jpg", b"1")]
    assert time.process_time() - began < whole_s


def test_a_size_that_is_a_lie_is_not_believed() -> None:
    """A header that states one byte does not let more through."""
    data = bytearray(zipped({"x.jpg": bytes(5_000_000)}))
    listed = data.index(b"PK\x01\x02")
    data[listed + 24 : listed + 28] = struct.pack("<I", 1)
    with pytest.raises(ArchiveDamaged):
        unpacked(bytes(data))


def test_a_list_of_files_without_end_is_not_read() -> None:
    """A list of more than a megabyte is no batch's."""
    with pytest.raises(BatchTooLarge):
        unpacked(zipped({f"{number:03}{'x' * 60_000}": b"" for number in range(20)}))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_packing_is_refused(method: int) -> None:
    """Only what every program writes is unpacked: LZMA may ask for gigabytes before its first byte."""
    with pytest.raises(ArchiveDamaged):
        unpacked(zipped({"x.jpg": b"1" * 100}, method))


@given(st.data())
def test_a_damaged_zip_is_a_typed_refusal(data: st.DataObject) -> None:
    """Cut anywhere, or with any byte changed, it gives photos or a sentence."""
    whole = bytearray(zipped({"a.jpg": b"hello" * 50, "ä.jpg": bytes(range(200))}))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] = data.draw(st.integers(0, 255))
    try:
        unpacked(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    except BatchError:
        return


def test_a_small_zip_of_the_large_form_is_read() -> None:
    """What programs write that do not know the size beforehand."""
    assert unpacked(made_zip(ONE, TWO, zip64=True)) == [("1.jpg", PHOTO), ("2.jpg", PHOTO)]


def path_field(raw: bytes, name: str) -> bytes:
    text = name.encode()
    return struct.pack("<HHBL", 0x7075, 5 + len(text), 1, zlib.crc32(raw)) + text


def paths(data: bytes, known: tuple[str, ...] = ()) -> tuple[list[str], str | None]:
    archive = PhotoZip(io.BytesIO(data), 1_000)
    return [file.path for file in archive.files(lambda: known)], archive.guessed


def test_the_unicode_path_field_names_a_file() -> None:
    """Where it is there nothing is guessed; one of an earlier name is not believed."""
    raw = "张三.jpg".encode("gbk")
    assert paths(made_zip(Made(raw, b"1", extra=path_field(raw, "李四.jpg")))) == (["李四.jpg"], None)
    assert paths(made_zip(Made(raw, b"1", extra=path_field(b"x", "李四.jpg")))) == (["张三.jpg"], "GBK")


def test_names_said_to_be_utf8_are_read_as_such() -> None:
    """With the flag, and without it where they are; in composed form, and nothing is guessed."""
    name = "Müller.jpg"
    decomposed = unicodedata.normalize("NFD", name).encode()
    for flags, raw in itertools.product((0, UTF8), (name.encode(), decomposed)):
        assert paths(made_zip(Made(raw, b"1", flags=flags))) == ([name], None)


def test_guessed_names_are_said() -> None:
    """Names of one ZIP are guessed together; those that say their encoding stay out of it."""
    said = Made("Ωmega.jpg".encode(), b"1", flags=UTF8)
    legacy = Made("写真/田中.jpg".encode("cp932"), b"1")
    assert paths(made_zip(said, legacy)) == (["Ωmega.jpg", "写真/田中.jpg"], "Shift-JIS")


def test_names_wrongly_said_to_be_utf8_are_guessed() -> None:
    """The flag is not believed of a ZIP that has other names; its photos are unpacked all the same."""
    wrong, right = Made("张三.jpg".encode("gbk"), b"1", flags=UTF8), Made("李四.jpg".encode("gbk"), b"2")
    data = made_zip(wrong, right)
    assert paths(data) == (["张三.jpg", "李四.jpg"], "GBK")
    assert unpacked(data) == [("张三.jpg", b"1"), ("李四.jpg", b"2")]
    assert files_stated(io.BytesIO(data)) == 2


def test_a_table_settles_how_names_are_meant() -> None:
    """It is read first, wherever it lies in the ZIP."""
    photo, table = Made("龘.jpg".encode("big5hkscs"), b"1"), Made(b"cases.csv", b"file,case\n")
    assert paths(made_zip(photo, table), known=("龘.jpg",)) == (["cases.csv", "龘.jpg"], "Big5")


@pytest.mark.parametrize("name", ["表.jpg", "ソ.jpg", "十.jpg"])
def test_a_backslash_within_a_character_is_no_folder(name: str) -> None:
    """Half of some characters of Shift-JIS is a backslash."""
    assert paths(made_zip(Made(f"写真/{name}".encode("cp932"), b"1")))[0] == [f"写真/{name}"]


def test_a_zip_is_known_by_its_first_bytes() -> None:
    """Whatever its name; the stream stays at its beginning. Office documents are none."""
    stream = io.BytesIO(zipped({"a.jpg": b"1"}))
    assert is_zip(stream)
    assert stream.tell() == 0
    assert is_zip(io.BytesIO(made_zip()))
    assert is_zip(io.BytesIO(b"PK00" + made_zip(ONE)))
    assert not is_zip(io.BytesIO(b"\xff\xd8\xff"))
    assert not is_zip(io.BytesIO(zipped({"[Content_Types].xml": b"<xml>", "word/media/image1.jpeg": JPEG})))


def test_files_are_counted_before_they_are_unpacked() -> None:
    """As the list of files says; whatever else is sent is one."""
    assert files_stated(io.BytesIO(zipped({f"{number}.jpg": b"" for number in range(7)}))) == 7
    assert files_stated(io.BytesIO(b"\xff\xd8\xff")) == 1
    assert files_stated(io.BytesIO(b"PK\x03\x04 cut")) == 1
    assert files_stated(io.BytesIO(zipped({}))) == 1
