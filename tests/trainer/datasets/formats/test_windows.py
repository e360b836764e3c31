from __future__ import annotations

from pathlib import Path

import pytest

from simsvc.errors import LabelsUnreadable
from tests.trainer.datasets.drawn_photos import write_photo
from trainer.datasets.formats.rows import Row
from trainer.datasets.registry import read


def _folder(tmp_path: Path, table: str, *names: str) -> Path:
    for number, name in enumerate(names):
        write_photo(tmp_path / name, number)
    (tmp_path / "labels.csv").write_text(table, encoding="utf-8")
    return tmp_path


def test_a_window_and_an_exact_age(tmp_path: Path) -> None:
    """A window's label is its middle; an exact age counts before the window."""
    table = "file;age;age_lo;age_hi;person\na.jpg;;50;55;ann\nb.jpg;7;7;7;bob\nc.jpg;;7,5;7,5;\n"
    listing = read("windows:clinic", _folder(tmp_path, table, "a.jpg", "b.jpg", "c.jpg"))
    assert listing.problems == ()
    assert listing.rows == (
        Row(tmp_path / "a.jpg", 52.5, "windows:clinic", "a.jpg", "ann", age_lo_years=50, age_hi_years=55),
        Row(tmp_path / "b.jpg", 7, "windows:clinic", "b.jpg", "bob"),
        Row(tmp_path / "c.jpg", 7.5, "windows:clinic", "c.jpg"),
    )
    assert [row.window_years for row in listing.rows] == [(50, 55), (7, 7), (7.5, 7.5)]


@pytest.mark.parametrize(
    ("ends", "why"),
    [
        ("60,55", "wrong way round"),
        (",55", "numbers"),
        ("50,old", "numbers"),
        ("-1,5", "from 0"),
        ("99,131", "0 to 130"),
    ],
)
def test_a_bad_window(tmp_path: Path, ends: str, why: str) -> None:
    """A window that holds no age is a problem of its row alone, and says why."""
    table = f"file,age_lo,age_hi\na.jpg,{ends}\nb.jpg,50,55\n"
    listing = read("windows", _folder(tmp_path, table, "a.jpg", "b.jpg"))
    assert [row.reference for row in listing.rows] == ["b.jpg"]
    assert [name for name, _ in listing.problems] == ["a.jpg"]
    assert why in listing.problems[0][1]


def test_a_table_without_windows(tmp_path: Path) -> None:
    """A table that lacks an end of the window is refused with the columns that it needs."""
    with pytest.raises(LabelsUnreadable, match="age_lo and age_hi"):
        read("windows", _folder(tmp_path, "file,age_lo\na.jpg,50\n", "a.jpg"))
