"""Names in a ZIP that does not say how they are encoded."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.files.zip_names import DEFAULT, ENCODINGS, UTF8, decoded, unicode_path

NAMES = [
    ("gbk", "GBK", "张三.jpg"),
    ("gbk", "GBK", "李娜.jpg"),
    ("gbk", "GBK", "照片/王小明_正面.jpg"),
    ("gbk", "GBK", "身份证.png"),
    ("gbk", "GBK", "欧阳建国 2023.jpeg"),
    ("gbk", "GBK", "新建文件夹/诸葛亮.jpg"),
    ("gb18030", "GBK", "投保人照片1.jpg"),
    ("big5", "Big5", "陳美玲.jpg"),
    ("big5", "Big5", "照片/張偉.jpg"),
    ("big5", "Big5", "身份證正面.jpg"),
    ("cp932", "Shift-JIS", "写真/田中太郎.jpg"),
    ("cp932", "Shift-JIS", "さくら.jpg"),
    ("cp932", "Shift-JIS", "スキャン_鈴木.jpg"),
    ("cp932", "Shift-JIS", "表示.jpg"),
    ("cp949", "EUC-KR", "김철수.jpg"),
    ("cp949", "EUC-KR", "사진/이영희.jpg"),
    ("cp949", "EUC-KR", "신분증 박지민.jpg"),
    ("cp949", "EUC-KR", "최민준.jpg"),
    ("cp437", "CP437", "Müller.jpg"),
    ("cp437", "CP437", "José Peña.jpg"),
    ("cp850", "CP437", "Jürgen Groß.jpg"),
    ("cp850", "CP850", "João.jpg"),
    ("cp1252", "CP1252", "Müller.jpg"),
    ("cp1252", "CP1252", "Béatrice Lefèvre.jpg"),
    ("cp866", "CP866", "Иванов.jpg"),
    ("cp866", "CP866", "фото/Анна Петрова.jpg"),
    ("cp1251", "CP1251", "Иванова.jpg"),
]


@pytest.mark.parametrize(("codec", "encoding", "name"), NAMES)
def test_single_names_are_read(codec: str, encoding: str, name: str) -> None:
    """Even one short name is read as a person would, and its encoding is named."""
    assert decoded([name.encode(codec), b"1.jpg"]) == (encoding, [name, "1.jpg"])


@pytest.mark.parametrize("name", ["Müller.jpg", "Mu\u0308ller.jpg", "张三.jpg", "Иванов.jpg"])
def test_names_that_are_utf8_are_read_as_such(name: str) -> None:
    """UTF-8 is what macOS writes, without saying so."""
    assert decoded([name.encode(), b"a.jpg"]) == (UTF8, [name, "a.jpg"])


def test_plain_names_need_no_guess() -> None:
    """ASCII is the same in all of them."""
    assert decoded([b"a.jpg", b"b/c.jpg"]) == (UTF8, ["a.jpg", "b/c.jpg"])


def test_a_table_decides() -> None:
    """Where a table has the names, the encoding that gives them is right, however unusual they are."""
    name = "龘龗.jpg"
    assert decoded([b"x/" + name.encode("gbk")], {name}) == ("GBK", [f"x/{name}"])
    raw = "ＡБ.jpg".encode("cp932")
    assert decoded([raw], {"ＡБ.jpg"})[0] == "Shift-JIS"


def test_a_name_that_says_nothing_is_read_as_the_standard_says() -> None:
    """Box drawing is CP437, which the standard has for such names."""
    assert decoded(["a─.jpg".encode("cp437")]) == (DEFAULT, ["a─.jpg"])


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_any_bytes_have_a_name(raws: list[bytes]) -> None:
    """No bytes lead to an error, and as many names come as there are files."""
    encoding, names = decoded(raws)
    assert encoding in {UTF8, *(name for name, *_ in ENCODINGS)}
    assert len(names) == len(raws)


def path_field(raw: bytes, text: bytes, version: int = 1) -> bytes:
    return struct.pack("<HHBL", 0x7075, 5 + len(text), version, zlib.crc32(raw)) + text


def test_the_unicode_path_field_is_read() -> None:
    """Among other fields, with the CRC of the name in the header."""
    other = struct.pack("<HH", 0x5455, 5) + b"\x01time"
    assert unicode_path(other + path_field(b"??.jpg", "张三.jpg".encode()), b"??.jpg") == "张三.jpg"


@pytest.mark.parametrize(
    "extra",
    [
        b"",
        path_field(b"other", "张三.jpg".encode()),
        path_field(b"a.jpg", "张三.jpg".encode(), version=2),
        path_field(b"a.jpg", b"\xff\xfe"),
        path_field(b"a.jpg", b"x")[:7],
        struct.pack("<HH", 0x7075, 60_000),
        b"\x75\x70",
    ],
)
def test_a_unicode_path_field_that_does_not_fit_is_left(extra: bytes) -> None:
    """Of an earlier name (its CRC differs), another version, no UTF-8, or cut."""
    assert unicode_path(extra, b"a.jpg") is None
