from pathlib import Path

import pytest

from simsvc.errors import LabelsUnreadable, SourceEmpty, SourceUnknown
from tests.trainer.datasets.drawn_photos import write_folder, write_photo
from trainer.datasets.formats.rows import Row
from trainer.datasets.registry import READERS, read

PORTRAITS = Path(__file__).parents[4] / "shared" / "data" / "portraits"


def test_every_column(tmp_path: Path) -> None:
    """Person, gender and ethnicity of the table stand in the row, and the source keeps its suffix."""
    photo = write_photo(tmp_path / "in" / "a.jpg", 0)
    (tmp_path / "labels.csv").write_text("file,age,person,gender,ethnicity\nin/a.jpg,41.5,ann,F,White\n")
    listing = read("folder:clinic", tmp_path)
    assert listing.rows == (Row(photo, 41.5, "folder:clinic", "in/a.jpg", "ann", "female", "white"),)


def test_table_of_another_name(tmp_path: Path) -> None:
    """One CSV of any name will do, and the CSV itself may be named instead of its folder."""
    write_folder(tmp_path, {"a.jpg": 30})
    (tmp_path / "labels.csv").rename(tmp_path / "ages.csv")
    assert read("folder", tmp_path) == read("folder", tmp_path / "ages.csv")


def test_two_tables(tmp_path: Path) -> None:
    """Two CSV files of which none is labels.csv are refused with a sentence."""
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("file,age\n")
    with pytest.raises(LabelsUnreadable, match=r"labels\.csv"):
        read("folder", tmp_path)


def test_missing_photos_and_links_outside(tmp_path: Path) -> None:
    """A photo that is missing, or a link that leaves the folder, is a problem and no row."""
    outside = write_photo(tmp_path / "outside.jpg", 0)
    folder = write_folder(tmp_path / "own", {"a.jpg": 30})
    (folder / "link.jpg").symlink_to(outside)
    with (folder / "labels.csv").open("a") as table:
        table.write("gone.jpg,31\nlink.jpg,32\n../outside.jpg,33\n")
    listing = read("folder", folder)
    assert [row.reference for row in listing.rows] == ["a.jpg"]
    assert {name for name, _ in listing.problems} == {"gone.jpg", "link.jpg", "../outside.jpg"}


def test_table_of_other_encoding(tmp_path: Path) -> None:
    """A table in an encoding that nothing tells is refused with a sentence that says how to save it."""
    (tmp_path / "labels.csv").write_bytes("file,age\nä.jpg,3\n".encode("cp1252"))
    with pytest.raises(LabelsUnreadable, match="UTF-8"):
        read("folder", tmp_path)


def test_tables_and_names_of_other_systems(tmp_path: Path) -> None:
    """A table of a German Excel names a file that macOS wrote; a name in another case is a problem."""
    photo = write_photo(tmp_path / "a\u0308.jpg", 0)
    write_photo(tmp_path / "b.jpg", 1)
    table = "sep=;\r\nFile;Age\r\nä.jpg;30,5\r\nB.jpg;31\r\n"
    (tmp_path / "labels.csv").write_bytes(table.encode("utf-16"))
    listing = read("folder", tmp_path)
    assert listing.rows == (Row(photo, 30.5, "folder", "ä.jpg"),)
    assert listing.problems == (("B.jpg", "in the folder it is b.jpg: case counts"),)


@pytest.mark.parametrize("source", ["", "utk", "folder2"])
def test_unknown_source(tmp_path: Path, source: str) -> None:
    """A source without a reader is refused with the names that there are."""
    with pytest.raises(SourceUnknown, match="utkface"):
        read(source, tmp_path)


@pytest.mark.parametrize("source", sorted(READERS))
def test_nothing_there(tmp_path: Path, source: str) -> None:
    """A path at which nothing lies is refused with a sentence, whatever the source."""
    with pytest.raises(SourceEmpty, match="nothing at"):
        read(source, tmp_path / "gone")


def test_no_usable_photo(tmp_path: Path) -> None:
    """A data set of which no photo can be used is refused with the number left out."""
    write_photo(tmp_path / "holiday.jpg", 0)
    with pytest.raises(SourceEmpty, match="1 were left out"):
        read("utkface", tmp_path)


@pytest.mark.data
@pytest.mark.skipif(not PORTRAITS.is_dir(), reason="../shared/data/portraits is absent")
def test_real_portraits() -> None:
    """The 25 studio portraits are read with a person, a gender and an adult's age each."""
    listing = read("folder", PORTRAITS)
    assert len(listing.rows) == 25
    assert listing.problems == ()
    assert all(row.person and row.gender and row.group and 18 <= row.age_years <= 60 for row in listing.rows)
