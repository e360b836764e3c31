from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.errors import CasesUnreadable
from simsvc.steps.cases import check_named, last_part, read_cases


@pytest.mark.parametrize(
    "text",
    [
        "file,case\na.jpg,L-1\nb.jpg,L-2\n",
        "\ufeffCase;File\r\nL-1;a.jpg\r\nL-2;b.jpg\r\n",
        "note\tfile\tcase\n\tphotos/a.jpg\tL-1\n\tC:\\b.jpg\tL-2\n\n",
    ],
)
def test_tables_of_spreadsheets_are_read(text: str) -> None:
    """Comma, semicolon and tab, any order of columns, folders before names, and a mark at the beginning."""
    assert read_cases(text.encode()) == {"a.jpg": "L-1", "b.jpg": "L-2"}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "must name the columns"),
        (b"name,case\na,b\n", "must name the columns"),
        (b"file,file,case\na,b,c\n", "must name the columns"),
        (b"file,case\na.jpg\n", "Line 2 of the CSV lacks"),
        (b"file,case\n,L-1\n", "Line 2 of the CSV lacks"),
        (b"file,case\na.jpg,L-1\nx/a.jpg,L-2\n", "a second time"),
        (b"file,case\na.jpg," + b"x" * 65 + b"\n", "at most 64 characters"),
        (b"file,case\na.jpg,L\x07\n", "can be seen"),
        (b"file,case\na.jpg,../L\n", "slashes with letters"),
        (b'file,case\n"a.jpg,L-1\n', "cannot be read"),
        ("file,case\nZo\u00eb.jpg,L-1\n".encode("latin-1"), "not text in UTF-8"),
        (b"file,case\na.jpg,L\x00\n", "not text in UTF-8"),
    ],
)
def test_other_tables_are_refused_in_words(data: bytes, words: str) -> None:
    """What is wrong, and in which line."""
    with pytest.raises(CasesUnreadable, match=words):
        read_cases(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_a_typed_refusal(data: bytes) -> None:
    """No bytes lead to another error, or to an empty file or case."""
    try:
        cases = read_cases(data)
    except CasesUnreadable:
        return
    assert all(file and case for file, case in cases.items())


def test_a_table_must_fit_its_photos() -> None:
    """Rows name exactly one photo each; photos without a row are fine."""
    check_named({"a.jpg": "1"}, ["a.jpg", "b.jpg"])
    with pytest.raises(CasesUnreadable, match="not among the photos"):
        check_named({"c.jpg": "1"}, ["a.jpg"])
    with pytest.raises(CasesUnreadable, match="2 photos have that name"):
        check_named({"a.jpg": "1"}, ["a.jpg", "a.jpg"])


def test_folders_of_either_kind_are_left_out() -> None:
    """Only the last part of a name counts."""
    assert [last_part(name) for name in ("a", "x/a", "x\\y/a", "C:\\a")] == ["a"] * 4
