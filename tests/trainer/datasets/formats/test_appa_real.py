from pathlib import Path

import pytest

from simsvc.errors import LabelsUnreadable
from tests.trainer.datasets.drawn_photos import write_photo
from trainer.datasets.formats.rows import Row
from trainer.datasets.registry import read

HEADER = "file_name,num_ratings,apparent_age_avg,apparent_age_std,real_age\n"


def release(root: Path) -> Path:
    """Write a release of three photos, one a split, as the publishers lay it out."""
    tables = {
        "train": "000000.jpg,36,5.0278,1.2302,4\n",
        "valid": "004113.jpg,38,27.9211,3.0917,26\n",
        "test": "005613.jpg,40,68.55,5.08,71\n",
    }
    for seed, (split, line) in enumerate(tables.items()):
        (root / f"gt_avg_{split}.csv").parent.mkdir(parents=True, exist_ok=True)
        (root / f"gt_avg_{split}.csv").write_text(HEADER + line)
        name = line.partition(",")[0]
        write_photo(root / split / name, seed)
        write_photo(root / split / f"{name}_face.jpg", seed + 10)
    return root


def test_face_crops_with_real_and_apparent_age(tmp_path: Path) -> None:
    """Each row is a face crop with the real age as label and the apparent age beside it."""
    root = release(tmp_path / "appa-real-release")
    listing = read("appa-real", root)
    assert listing.problems == ()
    assert listing.rows[1] == Row(
        root / "valid" / "004113.jpg_face.jpg",
        26.0,
        "appa-real",
        "valid/004113.jpg_face.jpg",
        apparent_age_years=27.9211,
    )
    assert [row.age_years for row in listing.rows] == [4.0, 26.0, 71.0]


def test_folder_above(tmp_path: Path) -> None:
    """The folder into which the archive was unpacked does as well, with the same references."""
    root = release(tmp_path / "appa-real-release")
    assert read("appa-real", tmp_path) == read("appa-real", root)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("999999.jpg,1,5,1,4\n", "missing"),
        ("../../secret,1,5,1,4\n", "relative"),
        ("000000.jpg,1,5,1,nan\n", "real age"),
        ("000000.jpg,1,,1,4\n", "apparent age"),
        ("000000.jpg\n", "age"),
    ],
)
def test_bad_rows_are_problems(tmp_path: Path, line: str, why: str) -> None:
    """A row with a missing crop, a hostile name or no age is a problem, and the others still count."""
    root = release(tmp_path)
    (root / "gt_avg_train.csv").write_text(HEADER + line)
    listing = read("appa-real", root)
    assert len(listing.rows) == 2
    assert len(listing.problems) == 1
    assert why in listing.problems[0][1]


def test_missing_table(tmp_path: Path) -> None:
    """A release with one table missing gives the photos of the other two and says so."""
    root = release(tmp_path)
    (root / "gt_avg_valid.csv").unlink()
    listing = read("appa-real", root)
    assert len(listing.rows) == 2
    assert listing.problems[0][0] == "gt_avg_valid.csv"


def test_no_tables(tmp_path: Path) -> None:
    """A folder that is no release is refused with a sentence that names the tables."""
    with pytest.raises(LabelsUnreadable, match=r"gt_avg_train\.csv"):
        read("appa-real", tmp_path)


def test_table_of_another_shape(tmp_path: Path) -> None:
    """A table that lacks a published column is refused with a sentence that names it."""
    root = release(tmp_path)
    (root / "gt_avg_train.csv").write_text("file_name,age\na.jpg,3\n")
    with pytest.raises(LabelsUnreadable, match="apparent_age_avg"):
        read("appa-real", root)
