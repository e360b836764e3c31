from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.desk.batch_csv import CaseRow, begins_like_cases, date_of, declared_of, read_cases
from simsvc.errors import CasesUnreadable, DatesRefused
from simsvc.values import Declaration

TODAY = date(2026, 11, 28)


def cases(data: bytes) -> dict[str, Declaration]:
    return {row.path: row.declared for row in read_cases(data, TODAY).rows}


def rows(*paths: str) -> list[CaseRow]:
    return [CaseRow(line, path, Declaration(f"L-{line}")) for line, path in enumerate(paths, 2)]


@pytest.mark.parametrize(
    "data",
    [
        b"file,case\na.jpg,L-1\nx/b.jpg,L-2\n",
        "\ufeffCase;File\r\nL-1;a.jpg\r\nL-2;x\\b.jpg\r\n".encode(),
        b"file\tcase\na.jpg\tL-1\n./x//b.jpg\tL-2\n\n",
        b"sep=;\r\nfile;case\r\na.jpg;L-1\r\nx/b.jpg;L-2\r\n",
        "file\tcase\r\na.jpg\tL-1\r\nx/b.jpg\tL-2\r\n".encode("utf-16"),
        b"\xfe\xff" + "file;case\r\na.jpg;L-1\r\nx/b.jpg;L-2\r\n".encode("utf-16-be"),
    ],
)
def test_tables_of_spreadsheets_are_read(data: bytes) -> None:
    """Comma, semicolon and tab, `sep=`, marks, UTF-16, any order of columns, paths of either kind."""
    assert cases(data) == {"a.jpg": Declaration("L-1"), "x/b.jpg": Declaration("L-2")}


def test_names_are_read_in_canonical_form() -> None:
    """A table that macOS wrote names the same file as one that was typed."""
    assert list(cases("file,case\nMu\u0308ller.jpg,L-1\n".encode())) == ["Müller.jpg"]


def test_dates_are_declared_with_or_without_a_case() -> None:
    """Each of the three may be missing, in a row or as a column."""
    data = b"file,birth_date,photo_date,case\na.jpg,1980-02-29,2020-01-01,\nb.jpg,,2020-01-01,L-1\n"
    assert cases(data) == {
        "a.jpg": Declaration(None, date(1980, 2, 29), date(2020, 1, 1)),
        "b.jpg": Declaration("L-1", None, date(2020, 1, 1)),
    }
    assert cases(b"file,birth_date\na.jpg,1980-02-29\n") == {"a.jpg": Declaration(None, date(1980, 2, 29))}


def test_other_columns_are_told() -> None:
    """They are not silently left aside."""
    table = read_cases(b"no,file,Case,birthdate,Remark\n1,a.jpg,L-1,1980-01-01,x\n", TODAY)
    assert table.unread == ("no", "birthdate", "remark")
    assert read_cases(b"file,case,\na.jpg,L-1,\n", TODAY).unread == ()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "must name the columns"),
        (b"name,case\na,b\n", "must name the columns"),
        (b"file\na\n", "must name the columns"),
        (b"file,file,case\na,b,c\n", "must name the columns"),
        (b"file,case\na.jpg\n", "Line 2 of the CSV has neither a case"),
        (b"file,case\n,L-1\n", "Line 2 of the CSV has no file name"),
        (b"file,case\na.jpg,L-1\na.jpg,L-2\n", "Line 3 of the CSV repeats the file"),
        ("file,case\nMüller.jpg,1\nMu\u0308ller.jpg,2\n".encode(), "repeats the file"),
        (b"file,case\na.jpg," + b"x" * 65 + b"\n", "up to 64 visible characters"),
        (b"file,case\na.jpg,L\x07\n", "visible characters"),
        (b"file,case\na.jpg,../L\n", "slashes only between letters"),
        (b"file,case\na.jpg,L-1,more\n", "more cells"),
        (b'file,case\n"a.jpg,L-1\n', "quotation mark"),
        ("file,case\nZo\u00eb.jpg,L-1\n".encode("latin-1"), "is not UTF-8 text"),
        (b"file,case\na.jpg,L\x00\n", "is not UTF-8 text"),
        (b"PK\x03\x04\x14\x00", "file is a spreadsheet"),
        (b"file,birth_date\na.jpg,02/03/1980\n", "birth date in line 2 of the CSV is ambiguous"),
        (b"file,photo_date\na.jpg,spring\n", "photo date in line 2 of the CSV is not a date"),
        (b"file,birth_date\na.jpg,1980-02-30\n", "is not a date"),
        (b"file,birth_date\na.jpg,28.02.80\n", "is not a date"),
        (b"file,birth_date\na.jpg,29280\n", "is not a date"),
        (b"file,birth_date\na.jpg,2100-01-01\n", "dates in line 2 of the CSV are not possible"),
        (b"file,birth_date\na.jpg,1800-01-01\n", "dates in line 2 of the CSV are not possible"),
        (b"file,birth_date,photo_date\na.jpg,1980-01-01,1979-01-01\n", "before the birth date"),
    ],
)
def test_other_tables_are_refused_in_words(data: bytes, words: str) -> None:
    """What is wrong, and in which line."""
    with pytest.raises(CasesUnreadable) as refused:
        read_cases(data, TODAY)
    assert words in refused.value.sentence


def test_every_bad_row_is_told() -> None:
    """At once, each with its own reason; beyond ten they are counted."""
    data = b"file,case,birth_date\na.jpg,L-1,\n,L-2,\nc.jpg,,\nd.jpg,L-4,1/2/1980\ne.jpg,L-5,1980-01-01\n"
    with pytest.raises(CasesUnreadable) as refused:
        read_cases(data, TODAY)
    sentence = refused.value.sentence
    assert [f"line {line}" in sentence.lower() for line in range(2, 7)] == [False, True, True, True, False]
    assert "1990-02-28" in sentence
    with pytest.raises(CasesUnreadable, match="13 more lines"):
        read_cases(b"file,case\n" + b"x.jpg,\n" * 23, TODAY)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_a_typed_refusal(data: bytes) -> None:
    """No bytes lead to another error, or to an empty file or declaration."""
    begins_like_cases(data)
    try:
        table = read_cases(data, TODAY)
    except CasesUnreadable:
        return
    assert all(row.path and row.declared != Declaration() for row in table.rows)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("1980-02-29", date(1980, 2, 29)),
        ("1980-2-9", date(1980, 2, 9)),
        ("19800229", date(1980, 2, 29)),
        ("1980/2/29", date(1980, 2, 29)),
        ("1980.02.29", date(1980, 2, 29)),
        ("1980年2月29日", date(1980, 2, 29)),
        ("1980 年 2 月 29 日", date(1980, 2, 29)),
        ("１９８０－０２－２９", date(1980, 2, 29)),  # noqa: RUF001 - as Chinese input methods write
        ("29.02.1980", date(1980, 2, 29)),
        ("2.3.1980", date(1980, 3, 2)),
        ("2. 3. 1980", date(1980, 3, 2)),
        ("29/02/1980", date(1980, 2, 29)),
        ("02/29/1980", date(1980, 2, 29)),
        ("3/3/1980", date(1980, 3, 3)),
        ("1980-02-29 00:00:00", date(1980, 2, 29)),
        ("29.02.1980 00:00", date(1980, 2, 29)),
        ("", None),
        ("  ", None),
    ],
)
def test_dates_as_spreadsheets_write_them(text: str, day: date | None) -> None:
    """ISO, Chinese and German forms; slashed ones of which only one reading is a date."""
    assert date_of(text) == day


@pytest.mark.parametrize(
    "text",
    [
        "2/3/1980",
        "02-03-1980",
        "29.2.80",
        "1980-02",
        "1980",
        "1980-02-30",
        "30.2.1980",
        "1980-02/29",
        "1980年2-29",
        "29 Feb 1980",
        "1980-02-29 13:00",
        "29280",
        "民國69年2月29日",
        "1980-W09-5",
    ],
)
def test_other_dates_are_refused(text: str) -> None:
    """Whatever is ambiguous, or in none."""
    with pytest.raises(DatesRefused):
        date_of(text)


@pytest.mark.parametrize(
    ("cell", "paths", "place"),
    [
        ("a.jpg", ["a.jpg", "b.jpg"], 0),
        ("anna/1.jpg", ["anna/1.jpg", "bert/1.jpg"], 0),
        ("bert/1.jpg", ["in/anna/1.jpg", "in/bert/1.jpg"], 1),
        ("2.jpg", ["anna/1.jpg", "bert/2.jpg"], 1),
        ("C:/data/a.jpg", ["b.jpg", "a.jpg"], 1),
        ("1.jpg", ["anna/1.jpg", "1.jpg"], 1),
    ],
)
def test_a_row_names_a_photo_by_path_or_by_an_end_of_it(cell: str, paths: list[str], place: int) -> None:
    """Paths tell photos apart; the last part is enough where it is unique; folders may be missing."""
    assert declared_of(rows(cell), paths) == {place: Declaration("L-2")}


@pytest.mark.parametrize(
    ("cells", "paths", "words"),
    [
        (["c.jpg"], ["a.jpg"], "Line 2 of the CSV names “c.jpg”, which is not one of the photos"),
        (["old/a.jpg"], ["new/a.jpg"], "not one of the photos"),
        (["1.jpg"], ["anna/1.jpg", "bert/1.jpg"], "2 photos have that name: “anna/1.jpg”, “bert/1.jpg”"),
        (["a.jpg"], ["a.jpg", "a.jpg"], "2 photos have that name"),
        (["a.jpg", "x/a.jpg"], ["x/a.jpg"], "Line 3 of the CSV repeats the file"),
    ],
)
def test_a_table_must_fit_its_photos(cells: list[str], paths: list[str], words: str) -> None:
    """Rows name exactly one photo each, and never one in another folder."""
    with pytest.raises(CasesUnreadable) as refused:
        declared_of(rows(*cells), paths)
    assert words in refused.value.sentence


def test_every_row_that_does_not_fit_is_told() -> None:
    """Not only the first."""
    with pytest.raises(CasesUnreadable) as refused:
        declared_of(rows("c.jpg", "a.jpg", "d.jpg"), ["a.jpg"])
    assert "“c.jpg”" in refused.value.sentence
    assert "“d.jpg”" in refused.value.sentence


@pytest.mark.parametrize(
    ("head", "is_table"),
    [
        (b"file,case\na,b\n", True),
        (b"sep=;\nfile;birth_date\n", True),
        ('"file"\t"case"\r\n'.encode("utf-16"), True),
        (b"\xef\xbb\xbfFILE;CASE\n", True),
        (b"read me: a file in this case\n", False),
        (b"file,size\n", False),
        (b"\xff\xd8\xff\xe0", False),
        (b"", False),
    ],
)
def test_a_table_is_known_by_its_first_line(head: bytes, is_table: bool) -> None:
    """Excel's "Unicode text" ends in .txt."""
    assert begins_like_cases(head) == is_table
