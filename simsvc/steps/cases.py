"""Which photo of a batch belongs to which case: a table with the columns file and case."""

from __future__ import annotations

import csv
import io

from simsvc.errors import CaseRefused, CasesUnreadable
from simsvc.steps.declared import CASE_CHARACTERS, checked_case

COLUMNS = ("file", "case")


def read_cases(data: bytes) -> dict[str, str]:
    """Return the case reference of each file, by the last part of its name.

    Args:
        data: CSV in UTF-8, with or without a mark at its beginning; separated by comma, semicolon or tab, as
            spreadsheets write it.

    Raises:
        CasesUnreadable: it is no such table.
    """
    text = _text(data)
    table = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    cases: dict[str, str] = {}
    try:
        columns = _columns(next(table, []))
        for row in table:
            if any(cell.strip() for cell in row):
                file, case = _cells(row, columns, table.line_num)
                if file in cases:
                    raise CasesUnreadable(
                        f"Line {table.line_num} of the CSV names a file a second time. "
                        "Name each file once, and photos of different folders differently, and send it again."
                    )
                cases[file] = case
    except csv.Error:
        raise CasesUnreadable(
            f"Line {table.line_num} of the CSV cannot be read: a quotation mark is missing or a cell is too "
            "long. Save the table as CSV again and send it again."
        ) from None
    return cases


def last_part(name: str) -> str:
    """Return the last part of a name that may have folders of either kind before it."""
    return name.replace("\\", "/").rpartition("/")[2].strip()


def check_named(cases: dict[str, str], names: list[str]) -> None:
    """Hold a table against the photos that came with it; photos without a row have no case.

    Raises:
        CasesUnreadable: a row names no photo of the batch, or several.
    """
    for file in cases:
        count = names.count(file)
        if not count:
            raise CasesUnreadable(
                f"The CSV names {file[:80]!r}, which is not among the photos. "
                "Correct the table and send it again."
            )
        if count > 1:
            raise CasesUnreadable(
                f"The CSV names {file[:80]!r}, but {count} photos have that name. "
                "Give them different names and send them again."
            )


def _text(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise CasesUnreadable("The CSV is not text in UTF-8. Save it as CSV UTF-8 and send it again.")
    return text


def _delimiter(text: str) -> str:
    heading = text.partition("\n")[0]
    return max(",;\t", key=heading.count)


def _columns(heading: list[str]) -> tuple[int, int]:
    names = [cell.strip().lower() for cell in heading]
    if sorted(name for name in names if name in COLUMNS) != sorted(COLUMNS):
        raise CasesUnreadable(
            "The first line of the CSV must name the columns file and case, each once. "
            "Add it and send it again."
        )
    return names.index("file"), names.index("case")


def _cells(row: list[str], columns: tuple[int, int], line: int) -> tuple[str, str]:
    file, case = (row[column].strip() if column < len(row) else "" for column in columns)
    file = last_part(file)
    if not file or not case:
        raise CasesUnreadable(
            f"Line {line} of the CSV lacks its file or its case. Fill it in and send it again."
        )
    return file, _reference(case, line)


def _reference(case: str, line: int) -> str:
    """Return a case reference as the desk's form would keep it, so that its page is the same."""
    try:
        reference = checked_case(case)
    except CaseRefused:
        reference = None
    if reference is None:
        raise CasesUnreadable(
            f"The case in line {line} of the CSV is no case reference: it has at most {CASE_CHARACTERS} "
            "characters that can be seen, no backslash, and slashes with letters or digits on both sides. "
            "Correct it and send it again."
        )
    return reference
