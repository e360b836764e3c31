"""Parse labels from file names and label tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import PurePosixPath
from typing import Literal

from simsvc.domain.files.csv_table import Table, parse_table, table_text
from simsvc.domain.files.file_names import canonical_name
from simsvc.errors import LabelsUnreadable, TableUnreadable
from simsvc.messages import N_

Gender = Literal["male", "female"]
Group = Literal["white", "black", "asian", "indian", "other"]

GENDERS: tuple[Gender, ...] = ("male", "female")
"""By UTKFace's code. Source: https://susanqq.github.io/UTKFace/, "Labels"."""
GROUPS: tuple[Group, ...] = ("white", "black", "asian", "indian", "other")
"""By UTKFace's code; "other" is their "Hispanic, Latino, Middle Eastern" and more. Source: as GENDERS."""
MAX_AGE_YEARS = 130.0
"""Higher labels are typing errors: the oldest known person was 122."""
MAX_TEXT_CHARS = 255
"""Longest file name, as in most file systems, and longest name of a person."""

COLUMNS = ("file", "age", "age_years", "person", "photo_date", "gender", "group", "ethnicity")

TWICE = N_("this file is listed twice; the first row counts")

_UTKFACE_NAME = re.compile(r"([0-9]{1,3})_([01])_([0-4])_[0-9]{8,20}(?:\.[A-Za-z0-9]{1,5}){0,3}")
_AGE = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,6})?")
_GENDER_WORDS: Mapping[str, Gender] = {"male": "male", "m": "male", "female": "female", "f": "female"}
_GROUP_WORDS: Mapping[str, Group] = {
    **dict.fromkeys(("white", "caucasian"), "white"),
    **dict.fromkeys(("black", "african"), "black"),
    **dict.fromkeys(("asian", "east_asian", "southeast_asian"), "asian"),
    **dict.fromkeys(("indian", "south_asian"), "indian"),
    **dict.fromkeys(("other", "mixed", "hispanic", "latino", "latino_hispanic", "middle_eastern"), "other"),
    "west_asian": "other",
}
"""Words of other data sets (FairFace, Face Research Lab London) in UTKFace's terms."""


@dataclass(frozen=True, slots=True)
class UtkfaceLabel:
    """Labels in a UTKFace file name: completed years, 0..130, and its authors' guesses."""

    age_years: int
    gender: Gender
    group: Group


@dataclass(frozen=True, slots=True)
class LabelRow:
    """A valid row of a label table.

    Attributes:
        file: relative posix path inside the folder, in canonical form; never absolute, never with "..".
        age_years: 0..130.
        person: name shared by photos of one person, or None.
        group: in UTKFace's terms, or None if not given or unknown.
        photo_date: day of the photo, or None if not given.
        line: in the file, from 1; 0 if unknown.
    """

    file: str
    age_years: float
    person: str | None = None
    gender: Gender | None = None
    group: Group | None = None
    photo_date: date | None = None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class LabelTable:
    """A label table: valid rows in file order, (row, reason) of others, and ignored columns, printable.

    `problem_lines` has the line of each problem.
    """

    rows: tuple[LabelRow, ...]
    problems: tuple[tuple[str, str], ...]
    unknown_columns: tuple[str, ...] = ()
    problem_lines: tuple[int, ...] = field(default=(), compare=False)


def parse_utkface_name(name: str) -> UtkfaceLabel | None:
    """Parse a name such as 25_1_2_20170116174525125.jpg.chip.jpg, or return None if it is malformed.

    The extension does not matter. Source: https://susanqq.github.io/UTKFace/, "Labels":
    [age]_[gender]_[race]_[date&time].jpg.
    """
    match = _UTKFACE_NAME.fullmatch(name)
    if match is None or int(match[1]) > MAX_AGE_YEARS:
        return None
    return UtkfaceLabel(int(match[1]), GENDERS[int(match[2])], GROUPS[int(match[3])])


def read_label_table(data: bytes) -> LabelTable:
    """Read a label table from bytes; see `parse_label_table` and `tables`.

    Raises:
        LabelsUnreadable: a required column is missing, or the bytes are not CSV.
    """
    try:
        return parse_label_table(table_text(data))
    except TableUnreadable as error:
        raise LabelsUnreadable("table", problem=error.message) from None


def parse_label_table(text: str) -> LabelTable:
    """Read CSV with a header: `file` and `age` (or `age_years`).

    Optional: person, photo_date, gender, ethnicity (or group).
    Comma, semicolon or tab; a decimal comma or point; column names in any case; other columns are ignored.

    Raises:
        LabelsUnreadable: a required column is missing, or the text is not CSV.
    """
    rows: dict[str, LabelRow] = {}
    problems: list[tuple[str, str]] = []
    lines: list[int] = []
    try:
        table = parse_table(text, COLUMNS)
        positions = _positions(table)
        for entry in table.rows:
            cells = {name: entry.cells[at] for name, at in positions.items()}
            try:
                row = _label_row(cells, entry.surplus, entry.line)
                if row.file in rows:
                    raise ValueError(TWICE)
            except ValueError as error:
                lines.append(entry.line)
                problems.append((_printable(cells["file"]) or f"row {entry.line}", str(error)))
            else:
                rows[row.file] = row
    except TableUnreadable as error:
        raise LabelsUnreadable("table", problem=error.message) from None
    return LabelTable(tuple(rows.values()), tuple(problems), table.unknown(COLUMNS), tuple(lines))


def safe_relative_path(text: str) -> str:
    """Return a normalised relative posix path ("a/./b.jpg" is "a/b.jpg").

    Raises:
        ValueError: it is empty, absolute, has "..", a backslash, a colon or unprintable characters.
    """
    path = PurePosixPath(text)
    if not text or path == PurePosixPath():
        raise ValueError(N_("the file name is empty"))
    if len(text) > MAX_TEXT_CHARS or not text.isprintable():
        raise ValueError(N_("the file name is too long or has characters that cannot be printed"))
    if path.is_absolute() or ".." in path.parts or "\\" in text or ":" in text:
        raise ValueError(
            N_("the file must be named relative to the folder, without '..', ':' or backslashes")
        )
    return path.as_posix()


def _positions(table: Table) -> dict[str, int]:
    found = {
        "file": table.position("file"),
        "age": table.position("age_years", "age"),
        "person": table.position("person"),
        "photo_date": table.position("photo_date"),
        "gender": table.position("gender"),
        "group": table.position("group", "ethnicity"),
    }
    missing = [f"'{name}'" for name in ("file", "age") if found[name] is None]
    if missing:
        named = ", ".join(table.unknown(())) or "nothing"
        raise LabelsUnreadable("columns", missing=" and no column ".join(missing), named=named)
    return {name: position for name, position in found.items() if position is not None}


def _label_row(cells: Mapping[str, str], surplus: tuple[str, ...], line: int) -> LabelRow:
    file = safe_relative_path(canonical_name(cells["file"]).replace("\\", "/"))
    if surplus:
        raise ValueError(
            N_(
                "the row has more cells than the first line has columns; between commas, "
                "a decimal comma needs quotation marks around the age"
            )
        )
    age = cells["age"].replace(",", ".")
    if _AGE.fullmatch(age) is None or float(age) > MAX_AGE_YEARS:
        raise ValueError(N_("the age must be a number from 0 to 130, such as 42, 42.5 or 42,5"))
    person = cells.get("person", "")
    if len(person) > MAX_TEXT_CHARS or not person.isprintable():
        raise ValueError(N_("the person's name is too long or has characters that cannot be printed"))
    gender = _GENDER_WORDS.get(cells.get("gender", "").lower())
    group, taken = _group(cells.get("group", "")), _photo_date(cells.get("photo_date", ""))
    return LabelRow(file, float(age), person or None, gender, group, taken, line)


def _photo_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ValueError(N_("the date of the photo must be written like 2024-06-30")) from None


def _group(text: str) -> Group | None:
    word = re.sub(r"[ -]+", "_", text.lower())
    return "other" if "/" in word else _GROUP_WORDS.get(word)


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text[:MAX_TEXT_CHARS])
