from __future__ import annotations

import io
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.engines.zip_archive import GRACE_BYTES, MOST_DIRECTORY_BYTES, is_zip, photos_in_zip
from simsvc.errors import (
    ArchiveBomb,
    ArchiveDamaged,
    ArchiveEncrypted,
    ArchiveNested,
    ArchiveUnsafe,
    BatchError,
    BatchTooLarge,
)


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


def unpacked(
    data: bytes, most_photo: int = 1_000_000, most: int = 10_000_000
) -> list[tuple[str, bytes | None]]:
    return list(photos_in_zip(io.BytesIO(data), most_photo, most))


def test_files_come_in_order_without_what_systems_add() -> None:
    """Photos in folders of either kind come as they are packed; folders and junk do not."""
    files = {
        "b/": b"",
        "b/1.jpg": b"one",
        "c\\2.jpg": b"two",
        "__MACOSX/b/._1.jpg": b"x",
        "b/.DS_Store": b"x",
    }
    assert [(name[-5:], data) for name, data in unpacked(zipped(files))] == [
        ("1.jpg", b"one"),
        ("2.jpg", b"two"),
    ]


@pytest.mark.parametrize(
    "name", ["../x.jpg", "a/../../x.jpg", "/etc/x.jpg", "C:/x.jpg", "..\\x.jpg", "C:\\x.jpg"]
)
def test_names_that_lead_out_are_refused(name: str) -> None:
    """Not one file is taken from such a ZIP, wherever the name stands in it."""
    photos = photos_in_zip(io.BytesIO(zipped({"ok.jpg": b"1", name: b"2"})), 10, 10)
    with pytest.raises(ArchiveUnsafe):
        next(photos)


def test_a_link_is_refused() -> None:
    """A symbolic link is no photo."""
    link = zipfile.ZipInfo("x.jpg")
    link.external_attr = 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ArchiveUnsafe):
        unpacked(buffer.getvalue())


@pytest.mark.parametrize("inner", [zipped({"x.jpg": b"1"}), b"\x1f\x8b\x08" + b"0" * 9, b"Rar!\x1a\x07\x00"])
def test_an_archive_within_is_refused(inner: bytes) -> None:
    """Whatever it is called."""
    with pytest.raises(ArchiveNested):
        unpacked(zipped({"photo.jpg": inner}))


def test_a_password_is_told() -> None:
    """A file marked as encrypted is refused before it is read."""
    data = bytearray(zipped({"x.jpg": b"1"}))
    central = data.index(b"PK\x01\x02")
    data[central + 8] |= 1
    with pytest.raises(ArchiveEncrypted):
        unpacked(bytes(data))


def test_a_bomb_is_stopped_while_it_unpacks() -> None:
    """A file of zeros is far denser than any photo; below the grace nobody minds."""
    with pytest.raises(ArchiveBomb):
        unpacked(zipped({"x.jpg": bytes(5_000_000)}))
    assert unpacked(zipped({"x.jpg": bytes(GRACE_BYTES)}))[0][1] == bytes(GRACE_BYTES)


def test_a_size_that_is_a_lie_is_not_believed() -> None:
    """A header that states one byte does not let more through."""
    data = bytearray(zipped({"x.jpg": bytes(5_000_000)}))
    central = data.index(b"PK\x01\x02")
    data[central + 24 : central + 28] = struct.pack("<I", 1)
    with pytest.raises((ArchiveBomb, ArchiveDamaged)):
        unpacked(bytes(data))


def test_all_files_together_are_bounded() -> None:
    """Many files that are each allowed are too many together."""
    files = {f"{n}.jpg": bytes(range(256)) * 4 for n in range(10)}
    assert len(unpacked(zipped(files, zipfile.ZIP_STORED), most=10_240)) == 10
    with pytest.raises(BatchTooLarge):
        unpacked(zipped(files, zipfile.ZIP_STORED), most=10_239)


def test_a_file_with_too_many_bytes_is_named_without_them() -> None:
    """The others of the ZIP are not refused for it."""
    files = {"big.jpg": bytes(range(256)) * 4, "ok.jpg": b"1"}
    assert unpacked(zipped(files, zipfile.ZIP_STORED), most_photo=1_000) == [
        ("big.jpg", None),
        ("ok.jpg", b"1"),
    ]


def test_a_list_of_files_without_end_is_not_read() -> None:
    """The length of the list is looked at first."""
    data = bytearray(zipped({"x.jpg": b"1"}))
    end = data.index(b"PK\x05\x06")
    data[end + 12 : end + 16] = struct.pack("<I", MOST_DIRECTORY_BYTES + 1)
    with pytest.raises(BatchTooLarge):
        unpacked(bytes(data))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_packing_is_refused(method: int) -> None:
    """Only what every program writes is unpacked: LZMA may ask for gigabytes before its first byte."""
    with pytest.raises(ArchiveDamaged):
        unpacked(zipped({"x.jpg": b"1" * 100}, method))


@given(st.data())
def test_a_damaged_zip_is_a_typed_refusal(data: st.DataObject) -> None:
    """Cut anywhere, or with any byte changed, it gives photos or a sentence."""
    whole = bytearray(zipped({"a.jpg": b"hello" * 50, "b.jpg": bytes(range(200))}))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] = data.draw(st.integers(0, 255))
    try:
        unpacked(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    except BatchError:
        return


def test_a_zip_is_known_by_its_first_bytes() -> None:
    """Whatever its name; the stream stays at its beginning."""
    stream = io.BytesIO(zipped({"a.jpg": b"1"}))
    assert is_zip(stream)
    assert stream.tell() == 0
    assert not is_zip(io.BytesIO(b"\xff\xd8\xff"))
