"""APPA-REAL: 7,591 photos with real age and the mean of about 38 guesses each.

Source: E. Agustsson et al., "Apparent and real age estimation in still images with deep residual regressors
on APPA-REAL database", FG 2017; file format as in the release's README: gt_avg_{train,valid,test}.csv with
file_name, num_ratings, apparent_age_avg, apparent_age_std, real_age, and {split}/{file_name}_face.jpg, the
face turned upright and cropped with a 40% margin. The publishers' own splits are not used: ours keep
near-duplicates of other sources together.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from simsvc.domain.gallery.labels import MAX_AGE_YEARS, safe_relative_path
from simsvc.errors import LabelsUnreadable
from trainer.datasets.formats.rows import Row, SourceListing
from trainer.datasets.formats.text_file import read_text

RELEASE_FOLDER = "appa-real-release"
SPLITS = ("train", "valid", "test")
_COLUMNS = ("file_name", "apparent_age_avg", "real_age")


def read(path: Path, source: str) -> SourceListing:
    """Read the release, given its folder or the folder above; rows whose crop is missing are problems.

    Raises:
        LabelsUnreadable: none of the three tables is there, or one lacks a column.
    """
    root = path / RELEASE_FOLDER if (path / RELEASE_FOLDER).is_dir() else path
    tables = [(split, root / f"gt_avg_{split}.csv") for split in SPLITS]
    if not any(table.is_file() for _, table in tables):
        raise LabelsUnreadable(
            f"The folder {path} holds no gt_avg_train.csv, gt_avg_valid.csv or gt_avg_test.csv. "
            f"Unpack appa-real-release.zip and name its folder {RELEASE_FOLDER}."
        )
    rows: list[Row] = []
    problems: list[tuple[str, str]] = []
    for split, table in tables:
        if not table.is_file():
            problems.append((table.name, "this table is missing, so its photos are left out"))
            continue
        for name, cells in _records(table):
            try:
                rows.append(_row(root, split, cells, source))
            except ValueError as error:
                problems.append((f"{split}/{name}", str(error)))
    return SourceListing(tuple(rows), tuple(problems))


def _records(table: Path) -> Iterator[tuple[str, dict[str, str]]]:
    reader = csv.DictReader(read_text(table).splitlines())
    try:
        missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise LabelsUnreadable(f"{table.name} lacks the column '{missing[0]}'. Unpack the archive again.")
        for cells in reader:
            yield cells["file_name"] or "", {name: cells[name] or "" for name in _COLUMNS}
    except csv.Error as error:
        raise LabelsUnreadable(f"{table.name} is damaged ({error}). Unpack the archive again.") from None


def _row(root: Path, split: str, cells: dict[str, str], source: str) -> Row:
    reference = safe_relative_path(f"{split}/{cells['file_name']}_face.jpg")
    if not (root / reference).is_file():
        raise ValueError("the face crop is missing")
    age_years, apparent = (
        _age_years(cells["real_age"], "real"),
        _age_years(cells["apparent_age_avg"], "apparent"),
    )
    return Row(root / reference, age_years, source, reference, apparent_age_years=apparent)


def _age_years(text: str, kind: str) -> float:
    try:
        age_years = float(text)
    except ValueError:
        age_years = -1.0
    if not 0.0 <= age_years <= MAX_AGE_YEARS:
        raise ValueError(f"the {kind} age is no number from 0 to {MAX_AGE_YEARS:.0f}")
    return age_years
