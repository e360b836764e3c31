import codecs
import csv
import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.files.csv_table import Row, read_table
from simsvc.errors import TableUnreadable

KNOWN = ("file", "age", "case")


def cells(data: bytes | str) -> list[tuple[str, ...]]:
    table = read_table(data.encode() if isinstance(data, str) else data, KNOWN)
    return [table.columns, *(row.cells for row in table.rows)]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(
    ("mark", "codec"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ],
)
def test_every_spreadsheet(mark: bytes, codec: str, delimiter: str, ending: str) -> None:
    """Every delimiter, line ending and encoding that spreadsheets write gives the same table."""
    text = ending.join(delimiter.join(row) for row in (["File", " AGE "], ["Müller.jpg", " 34 "], [""]))
    assert cells(mark + text.encode(codec)) == [("file", "age"), ("Müller.jpg", "34")]


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"', "sep=;;"])
def test_sep_line(line: str) -> None:
    """A first line "sep=;" names the delimiter and is no header, also after a byte order mark."""
    for mark in ("", "\ufeff"):
        table = read_table(f"{mark}{line}\r\nfile;age\r\na,b.jpg;30,5\r\n".encode(), KNOWN)
        assert (table.columns, *table.rows) == (("file", "age"), Row(3, ("a,b.jpg", "30,5")))


def test_any_sep_character() -> None:
    """The delimiter that a "sep=" line names may be any character."""
    assert cells("sep=|\nfile|age\na.jpg|30\n")[1] == ("a.jpg", "30")
    assert cells("sep=\t\nfile\tage\na.jpg\t30\n")[1] == ("a.jpg", "30")


def test_known_names_decide_the_delimiter() -> None:
    """The delimiter is the one that gives known column names, not the more frequent character."""
    assert cells("file;age;note, as it was told, or not\na;1;b,c\n")[1] == ("a", "1", "b,c")
    assert cells('file,"age; in years",age\na,b;c,1\n')[1] == ("a", "b;c", "1")


def test_lines_are_those_of_the_file() -> None:
    """A row is told by the line on which it begins, whatever blank lines and broken cells come before."""
    table = read_table(b'\n\nfile,age\n\n"a\nb",1\n,\nc,2\n', KNOWN)
    assert [row.line for row in table.rows] == [5, 8]


def test_short_and_long_rows() -> None:
    """A short row is filled up; cells under no column's name are told apart, blank ones are not."""
    table = read_table(b"file,age,\na\nb,1,2,3\nc,1,,\n", KNOWN)
    assert list(table.rows) == [
        Row(2, ("a", "", "")),
        Row(3, ("b", "1", "2"), ("3", "2")),
        Row(4, ("c", "1", "")),
    ]


def test_columns_are_found_and_unknown_ones_named() -> None:
    """A column is found under the first of its names, and columns of other names are told."""
    table = read_table(b"Note,age,FILE,age,no\x07te,note\n", KNOWN)
    assert table.position("years", "age") == 1
    assert table.position("case") is None
    assert table.unknown(KNOWN) == ("note", "no?te")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("file,age\na,1\nMüller,2\n".encode("cp1252"), r"Line 3 .* UTF-8 text\. Save it as CSV UTF-8"),
        ("file,age\r\n张,1\r\n".encode("gbk"), "Line 2 "),
        ("file,age\n".encode("utf-16-le"), "Line 1 "),
        (codecs.BOM_UTF16_LE + "file,age\na,1\n".encode("utf-16-le")[:-1], "Line 2 .* UTF-16"),
        ("file,age\n".encode("utf-32"), "Line 1 "),
        (b"file,age\na\0,1\n", "Line 2 "),
        (b"PK\x03\x04...", "The file is a spreadsheet"),
        (bytes.fromhex("d0cf11e0a1b11ae1"), "The file is a spreadsheet"),
        (b'file,age\na,1\n"b,2\nc,3\n', "quotation marks in line 3 "),
        (b'file,age\n"a"b,1\n', "quotation marks in line 2 "),
        (b'"file,age\na,1\n', "quotation marks in line 1 "),
        (b"file,age\na,1\n" + b"x" * 200_000, "Line 3 .* too long"),
        (b"x" * 200_000, "Line 1 .* too long"),
    ],
)
def test_what_is_no_table(data: bytes, sentence: str) -> None:
    """What cannot be read is refused by its line, its true cause and the cure."""
    with pytest.raises(TableUnreadable, match=sentence):
        list(read_table(data, KNOWN).rows)


def test_empty_table() -> None:
    """Nothing at all is a table without columns."""
    assert cells("") == cells("\ufeff") == cells("\n\n") == [()]


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    """No bytes make the reader raise anything but its own error, or give a row of another width."""
    with suppress(TableUnreadable):
        table = read_table(data, KNOWN)
        assert all(len(row.cells) == len(table.columns) for row in table.rows)


@given(
    rows=st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=2, max_size=2)
    ),
    delimiter=st.sampled_from(",;\t"),
)
def test_round_trip(rows: list[list[str]], delimiter: str) -> None:
    """What a CSV writer writes is read back, cell by cell, without the spaces around."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows([["file", "age"], *rows])
    expected = [tuple(cell.strip() for cell in row) for row in rows]
    assert cells(out.getvalue())[1:] == [row for row in expected if any(row)]
