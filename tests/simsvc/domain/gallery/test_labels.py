import csv
import io
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.gallery.labels import (
    GENDERS,
    GROUPS,
    LabelRow,
    LabelTable,
    UtkfaceLabel,
    parse_label_table,
    parse_utkface_name,
    read_label_table,
    safe_relative_path,
)
from simsvc.errors import LabelsUnreadable

UTKFACE = Path(__file__).parents[5] / "shared" / "data" / "utkface"
MALFORMED = [
    "24_0_1_20170116220224657 .jpg.chip.jpg",
    "39_1_20170116174525125.jpg.chip.jpg",
    "55_0_0_20170116232725357jpg.chip.jpg",
    "61_1_20170109150557335.jpg.chip.jpg",
    "",
    ".jpg",
    "25_2_0_20170116174525125.jpg.chip.jpg",
    "25_0_5_20170116174525125.jpg.chip.jpg",
    "999_0_0_20170116174525125.jpg.chip.jpg",
    "-5_0_0_20170116174525125.jpg.chip.jpg",
    "folder/25_0_0_20170116174525125.jpg.chip.jpg",
    "25_0_0_20170116174525125.jpg.chip.jpg\n",
    "٢٥_0_0_20170116174525125.jpg.chip.jpg",
]


@given(
    age=st.integers(0, 116),
    gender=st.integers(0, 1),
    race=st.integers(0, 4),
    moment=st.from_regex(r"\A[0-9]{17}\Z"),
)
def test_utkface_name_round_trip(age: int, gender: int, race: int, moment: str) -> None:
    """Every well-formed UTKFace name gives back the label it was made of."""
    label = parse_utkface_name(f"{age}_{gender}_{race}_{moment}.jpg.chip.jpg")
    assert label == UtkfaceLabel(age, GENDERS[gender], GROUPS[race])


@pytest.mark.parametrize("ending", ["", ".jpg", ".JPG", ".jpeg", ".jfif", ".png", ".JPG.CHIP.JPG", ".webp"])
def test_utkface_name_of_any_ending(ending: str) -> None:
    """A UTKFace name is known by what it says; its ending does not matter."""
    assert parse_utkface_name(f"25_1_2_20170116174525125{ending}") == UtkfaceLabel(25, "female", "asian")


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_utkface_name(name: str) -> None:
    """A malformed UTKFace name gives no label."""
    assert parse_utkface_name(name) is None


@given(st.text())
def test_utkface_name_of_any_text(name: str) -> None:
    """No text makes the UTKFace parser raise or give an age outside 0..130."""
    label = parse_utkface_name(name)
    assert label is None or 0 <= label.age_years <= 130


@pytest.mark.data
@pytest.mark.skipif(not UTKFACE.is_dir(), reason="../shared/data/utkface is absent")
def test_real_utkface_names() -> None:
    """Of the real UTKFace names exactly the five known ones are malformed."""
    names = [path.name for path in UTKFACE.iterdir() if path.suffix == ".jpg"]
    assert sum(parse_utkface_name(name) is None for name in names) == 5


def test_label_table_with_every_column() -> None:
    """All known columns are read, in any order and case, and other columns are ignored."""
    table = parse_label_table(
        "Age,FILE,note,person,gender,ethnicity\n30,a.jpg,x,p1,Male,west_asian\n41.5,b/c.jpg,,,,\n"
    )
    assert table.problems == ()
    assert table.rows == (
        LabelRow("a.jpg", 30.0, "p1", "male", "other"),
        LabelRow("b/c.jpg", 41.5),
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_label_table_delimiters(delimiter: str) -> None:
    """Comma, semicolon and tab are told apart by the header; a byte order mark is skipped."""
    text = "\ufeff" + "\r\n".join(delimiter.join(cells) for cells in (["file", "age_years"], ["a.jpg", "7"]))
    assert parse_label_table(text).rows == (LabelRow("a.jpg", 7.0),)


@pytest.mark.parametrize(
    "file",
    [
        "",
        "/etc/passwd",
        "../a.jpg",
        "a/../../b.jpg",
        "..",
        ".",
        "c:\\a.jpg",
        "c:a.jpg",
        "\\\\host\\a.jpg",
        "a\0b.jpg",
    ],
)
def test_hostile_files_are_rejected(file: str) -> None:
    """A row whose file is absolute, leaves the folder or is no name is a problem, not a row."""
    out = io.StringIO()
    csv.writer(out).writerows([["file", "age"], [file, "30"], ["good.jpg", "31"]])
    table = parse_label_table(out.getvalue())
    assert [row.file for row in table.rows] == ["good.jpg"]
    assert len(table.problems) == 1


@pytest.mark.parametrize(
    "age", ["", "nan", "inf", "-1", "131", "1e1", "0x10", "1_0", "٣٠", "30 years", "=1+1", "9" * 400]
)
def test_hostile_ages_are_rejected(age: str) -> None:
    """A row whose age is not a plain number from 0 to 130 is a problem, not a row."""
    table = parse_label_table(f"file,age\na.jpg,{age}\n")
    assert table.rows == ()
    assert table.problems[0][0] == "a.jpg"


@pytest.mark.parametrize(
    "text",
    [
        "file;age\na.jpg;34,5\n",
        "file;age\na.jpg;34.5\n",
        "file\tage\na.jpg\t34,5\n",
        'file,age\na.jpg,"34,5"\n',
        "sep=;\nfile;age\na.jpg;34,5\n",
        "file,age,,\na.jpg,34.5,,\n",
    ],
)
def test_decimal_commas(text: str) -> None:
    """An age has a decimal comma or point, with every delimiter; blank surplus cells are nothing."""
    for data in (text.encode(), text.encode("utf-8-sig"), text.encode("utf-16")):
        assert read_label_table(data) == LabelTable((LabelRow("a.jpg", 34.5),), ())


@pytest.mark.parametrize("row", ["a.jpg,34,5", "a.jpg,34,5,anna", "a.jpg,34,anna,5"])
def test_a_bare_decimal_comma_between_commas(row: str) -> None:
    """A row of more cells than columns is rejected with the cure, and never read as another age."""
    table = parse_label_table(f"file,age,person\n{row},x\nb.jpg,30\n")
    assert table.rows == (LabelRow("b.jpg", 30.0),)
    assert "decimal comma needs quotation marks" in table.problems[0][1]


@pytest.mark.parametrize("age", ["1.234,5", "1,234.5", "34,5,", ",5", "5,", "34, 5", "1.2.3"])
def test_numbers_that_could_mean_two_things(age: str) -> None:
    """A number with thousands, or with a sign out of place, is rejected."""
    assert parse_label_table(f"file;age\na.jpg;{age}\n").rows == ()


def test_names_have_one_form() -> None:
    """Names are composed, and backslashes of Windows part folders; case is kept."""
    table = parse_label_table("file,age\nMu\u0308ller\\A.JPG,30\nMüller/A.JPG,31\nMüller/a.jpg,32\n")
    assert table.rows == (LabelRow("Müller/A.JPG", 30.0), LabelRow("Müller/a.jpg", 32.0))
    assert "twice" in table.problems[0][1]


def test_unknown_columns_are_told() -> None:
    """The names of columns that are not read are told."""
    assert parse_label_table("file,Age,Sex,\n").unknown_columns == ("sex",)


def test_missing_columns_are_named() -> None:
    """Each missing column is named, and what the first line names instead."""
    with pytest.raises(LabelsUnreadable, match=r"no column 'file' and no column 'age'\. .* photo, years\."):
        parse_label_table("photo;years\n")


def test_duplicate_files_are_rejected() -> None:
    """A file listed twice counts once, even where it is spelled differently."""
    table = parse_label_table("file,age\na.jpg,30\n./a.jpg,40\n")
    assert table.rows == (LabelRow("a.jpg", 30.0),)
    assert "twice" in table.problems[0][1]


def test_short_rows_are_rejected() -> None:
    """A row with too few cells is a problem, and blank lines are skipped."""
    table = parse_label_table("file,age\n\na.jpg\nb.jpg,5\n , \n")
    assert [row.file for row in table.rows] == ["b.jpg"]
    assert [name for name, _ in table.problems] == ["a.jpg"]


@pytest.mark.parametrize("text", ["", "name,age\na,1\n", "file,years\na,1\n", "\0", "file"])
def test_table_without_required_columns(text: str) -> None:
    """A table without the columns file and age is refused with a sentence that names them."""
    with pytest.raises(LabelsUnreadable, match="columns file and age"):
        parse_label_table(text)


def test_overlong_cell() -> None:
    """A cell beyond the CSV reader's limit is refused with a sentence, not a crash."""
    with pytest.raises(LabelsUnreadable, match="CSV"):
        parse_label_table(f"file,age\n{'x' * 200_000},1\n")


@given(st.text())
def test_table_of_any_text(body: str) -> None:
    """Any text after the header is refused, or gives no unsafe path and no age outside 0..130."""
    try:
        table = parse_label_table(f"file,age,person\n{body}")
    except LabelsUnreadable:
        return
    for row in table.rows:
        assert 0.0 <= row.age_years <= 130.0
        assert not PurePosixPath(row.file).is_absolute()
        assert ".." not in PurePosixPath(row.file).parts
    assert all(name.isprintable() and why for name, why in table.problems)


@given(st.lists(st.sampled_from(["..", ".", "a", "b.jpg", "", "c d"]), max_size=6).map("/".join))
def test_safe_relative_path_stays_inside(text: str) -> None:
    """A path that is let through resolves to a place below its folder."""
    folder = Path("/gallery")
    try:
        safe = safe_relative_path(text)
    except ValueError:
        return
    assert (folder / safe).resolve().is_relative_to(folder)
    assert (folder / safe).resolve() != folder
