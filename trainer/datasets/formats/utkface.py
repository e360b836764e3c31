"""UTKFace: aligned face crops whose names are their labels.

Source: https://susanqq.github.io/UTKFace/ - "Aligned&Cropped Faces", one folder of
[age]_[gender]_[race]_[date&time].jpg.chip.jpg.
"""

from __future__ import annotations

from pathlib import Path

from simsvc.domain.gallery.labels import parse_utkface_name
from trainer.datasets.formats.rows import Row, SourceListing

MALFORMED = "the name is not age_gender_race_datetime.jpg.chip.jpg"


def read(path: Path, source: str) -> SourceListing:
    """Read every .jpg in the folder; malformed names are problems, other files are passed over."""
    rows: list[Row] = []
    problems: list[tuple[str, str]] = []
    for photo in sorted(path.iterdir()):
        if photo.suffix.lower() != ".jpg" or photo.name.startswith("."):
            continue
        label = parse_utkface_name(photo.name)
        if label is None:
            problems.append((photo.name, MALFORMED))
            continue
        who = None, label.gender, label.group
        rows.append(Row(photo, float(label.age_years), source, photo.name, *who))
    return SourceListing(tuple(rows), tuple(problems))
