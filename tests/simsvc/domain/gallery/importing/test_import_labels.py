"""Rows of a label table and the photos of an upload."""

from __future__ import annotations

import pytest

from simsvc.domain.gallery.importing.import_labels import common_folder, match_rows
from simsvc.domain.gallery.labels import parse_label_table


def matched(table: str, paths: list[str], folder: str = "") -> tuple[dict[str, str], dict[str, str]]:
    """Return the path of each row's photo, and the reason of each skipped entry."""
    found = match_rows(parse_label_table("file,age\n" + table), paths, folder)
    skipped = {entry.reference: entry.reason for entry in found.skipped}
    return {row.file: paths[place] for row, place in found.photos}, skipped


@pytest.mark.parametrize(
    ("row", "paths", "folder"),
    [
        ("a.jpg", ["faces/a.jpg"], "faces/"),
        ("sub/a.jpg", ["faces/sub/a.jpg"], "faces/"),
        ("a.jpg", ["faces/a.jpg"], ""),
        ("other/a.jpg", ["a.jpg"], ""),
    ],
)
def test_a_row_finds_its_photo(row: str, paths: list[str], folder: str) -> None:
    """Relative to the table's folder; else by a name that only one photo has."""
    assert matched(f"{row},30\n", paths, folder) == ({row: paths[0]}, {})


def test_what_does_not_match_is_skipped_with_its_reason() -> None:
    """Missing, ambiguous, another case, a second row for one photo, and a photo without a row."""
    paths = ["x/a.jpg", "y/a.jpg", "B.jpg", "c.jpg", "d.jpg"]
    photos, skipped = matched("a.jpg,30\nb.jpg,31\ngone.jpg,32\nc.jpg,33\nz/c.jpg,34\n", paths)
    assert photos == {"c.jpg": "c.jpg"}
    assert skipped == {
        "a.jpg": "two_files_of_one_name",
        "b.jpg": "differs_in_case",
        "gone.jpg": "missing_file",
        "z/c.jpg": "this file is listed twice; the first row counts",
        **dict.fromkeys(("x/a.jpg", "y/a.jpg", "B.jpg", "d.jpg"), "no_label"),
    }


def test_the_folder_of_a_path_ends_with_a_slash() -> None:
    """Nothing for a file at the top."""
    assert [common_folder(path) for path in ("a/b/labels.csv", "labels.csv", "")] == ["a/b/", "", ""]
