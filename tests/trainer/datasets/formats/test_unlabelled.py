from __future__ import annotations

import math
from pathlib import Path

import pytest

from simsvc.errors import LabelsUnreadable, SourceEmpty
from tests.trainer.datasets.drawn_photos import write_photo
from trainer.datasets.formats.unlabelled import is_unlabelled, read


def test_photos_of_the_table(tmp_path: Path) -> None:
    """The table names the photos; their age is not a number, and what is missing is passed over."""
    for number, name in enumerate(("b.jpg", "a.jpg", "other.jpg")):
        write_photo(tmp_path / name, number)
    (tmp_path / "labels.csv").write_text("file,source\nb.jpg,x\na.jpg,x\ngone.jpg,x\n")
    rows = read(tmp_path, "unlabelled:web")
    assert [row.reference for row in rows] == ["a.jpg", "b.jpg"]
    assert all(math.isnan(row.age_years) and row.source == "unlabelled:web" for row in rows)


def test_a_folder_without_a_table(tmp_path: Path) -> None:
    """Every photo of the folder counts."""
    write_photo(tmp_path / "a.jpg", 0)
    (tmp_path / "notes.txt").write_text("none")
    assert [row.reference for row in read(tmp_path, "unlabelled")] == ["a.jpg"]


@pytest.mark.parametrize(
    ("table", "error"),
    [("name\na.jpg\n", LabelsUnreadable), ("file\n../a.jpg\n", LabelsUnreadable), ("file\n", SourceEmpty)],
)
def test_a_table_that_names_nothing(tmp_path: Path, table: str, error: type[Exception]) -> None:
    """A table without its column, with a path that leaves the folder, or empty, is refused."""
    (tmp_path / "labels.csv").write_text(table)
    with pytest.raises(error):
        read(tmp_path, "unlabelled")


@pytest.mark.parametrize(
    ("name", "wanted"), [("unlabelled", True), ("unlabelled:lfw", True), ("utkface", False)]
)
def test_the_kind_of_a_source(name: str, wanted: bool) -> None:
    """The name says whether a source holds ages."""
    assert is_unlabelled(name) is wanted
