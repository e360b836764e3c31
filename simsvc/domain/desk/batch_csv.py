"""The table of a batch: case, birth date and photo date by file name."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from simsvc.domain.desk.declared import CASE_CHARACTERS, checked_case, checked_dates
from simsvc.domain.files.csv_table import DELIMITERS, Row, Table, read_table
from simsvc.domain.files.file_names import canonical_path
from simsvc.domain.files.spreadsheet import to_csv
from simsvc.errors import CaseRefused, CasesUnreadable, DatesRefused, TableUnreadable
from simsvc.messages import N_, Message, Param, joined
from simsvc.values import Declaration

FILE = "file"
DECLARING = ("case", "birth_date", "photo_date")
COLUMNS = (FILE, *DECLARING)
MOST_REASONS = 10
NAME_CHARACTERS = 80

NO_FILE = N_("Line %(line)s of the CSV has no file name.")
NOTHING_DECLARED = N_("Line %(line)s of the CSV has neither a case nor a date.")
TOO_MANY_CELLS = N_(
    "Line %(line)s of the CSV has more cells than there are columns. Put %(text)s in quotation marks."
)
TWICE = N_("Line %(line)s of the CSV repeats the file %(file)s.")
NO_CASE = N_(
    "The case in line %(line)s of the CSV is not a valid case reference. Use up to %(most)s visible "
    "characters, no backslash, and slashes only between letters or digits."
)
NO_DATE = N_("The %(column)s in line %(line)s of the CSV is not a date: %(text)s.")
AMBIGUOUS = N_("The %(column)s in line %(line)s of the CSV is ambiguous: %(text)s.")
UNFIT_DATES = N_("The dates in line %(line)s of the CSV are not possible. %(why)s")
UNKNOWN_FILE = N_("Line %(line)s of the CSV names %(file)s, which is not one of the photos.")
SEVERAL_FILES = N_(
    "Line %(line)s of the CSV names %(file)s, but %(photos)s photos have that name: %(names)s."
)
HOW_TO_DATE = N_("Enter dates as year-month-day, for example 1990-02-28.")
HOW_TO_NAME = N_("Include the folder in the photo's name, for example anna/1.jpg.")
MORE = N_("%(count)s more lines of the CSV have errors.")
DATES = {"birth_date": N_("birth date"), "photo_date": N_("photo date")}
_ADVICE = {NO_DATE: HOW_TO_DATE, AMBIGUOUS: HOW_TO_DATE, SEVERAL_FILES: HOW_TO_NAME}

_MIDNIGHT = r"(?:[T ]+0?0:00(?::00(?:\.0+)?)?)?"
"""A time that spreadsheets add to a date."""
_YEAR_FIRST = re.compile(r"(\d{4}) ?([-/.年]) ?(\d{1,2}) ?([-/.月]) ?(\d{1,2}) ?日?" + _MIDNIGHT)
_DOTTED = re.compile(r"(\d{1,2})\. ?(\d{1,2})\. ?(\d{4})" + _MIDNIGHT)
_DAY_OR_MONTH_FIRST = re.compile(r"(\d{1,2})[-/](\d{1,2})[-/](\d{4})" + _MIDNIGHT)


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One line of a batch's table: a photo's path in canonical form, and its declared data."""

    line: int
    path: str
    declared: Declaration


@dataclass(frozen=True, slots=True)
class CaseTable:
    """A batch's table: rows in file order, no path twice, and the names of ignored columns."""

    rows: tuple[CaseRow, ...] = ()
    unread: tuple[str, ...] = ()


class _RowRefused(Exception):
    def __init__(self, template: str, **params: Param) -> None:
        super().__init__(template)
        self.message = Message(template, params)


def read_cases(data: bytes, today: date) -> CaseTable:
    """Read a table with the column `file` and at least one of `case`, `birth_date` and `photo_date`.

    It is CSV as spreadsheets write it, see `domain.files.csv_table`; no date may be after `today`.

    Raises:
        CasesUnreadable: the table is not valid; up to `MOST_REASONS` bad rows are named.
    """
    rows: dict[str, CaseRow] = {}
    problems: list[_RowRefused] = []
    try:
        table = read_table(data, COLUMNS)
        places = _places(table)
        for row in table.rows:
            try:
                found = _case_row(row, places, today)
                if found.path in rows:
                    raise _RowRefused(TWICE, line=row.line, file=_quoted(found.path))
                rows[found.path] = found
            except _RowRefused as refused:
                problems.append(refused)
    except TableUnreadable as error:
        raise CasesUnreadable("table", problem=error.message) from None
    if problems:
        raise _unreadable(problems)
    return CaseTable(tuple(rows.values()), table.unknown(COLUMNS))


def template_csv() -> bytes:
    """Return a table to fill in: the columns, and one example line."""
    columns = ("case", "birth_date", "photo_date", FILE)
    return to_csv(columns, [("L-2026/017", "1985-04-23", "2026-01-15", "anna.jpg")])


def begins_like_cases(head: bytes) -> bool:
    """Return whether a file may be a table of cases, whatever its extension."""
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    lines = head.decode(encoding, "ignore").splitlines()[:2]
    cells = [{cell.strip(' "').lower() for cell in re.split(f"[{DELIMITERS}]", line)} for line in lines]
    return any(FILE in names and names & set(DECLARING) for names in cells)


def declared_of(rows: Iterable[CaseRow], paths: Sequence[str]) -> dict[int, Declaration]:
    """Return declared data by position in canonical `paths`; photos without a row have none.

    A row names a photo by its path or a unique end of it. If the photos have fewer folders than the row, the
    end of the row's path is used.

    Raises:
        CasesUnreadable: a row matches no photo, or several.
    """
    places = _positions(_ends(path) for path in paths)
    whole = _positions([path] for path in paths)
    found: dict[int, Declaration] = {}
    problems: list[_RowRefused] = []
    for row in rows:
        matches = whole.get(row.path) or places.get(row.path) or _by_longer(row.path, whole)
        if not matches:
            problems.append(_RowRefused(UNKNOWN_FILE, line=row.line, file=_quoted(row.path)))
        elif len(matches) > 1:
            names = ", ".join(_quoted(paths[place]) for place in matches[:3])
            found_as: dict[str, Param] = {"file": _quoted(row.path), "photos": len(matches), "names": names}
            problems.append(_RowRefused(SEVERAL_FILES, line=row.line, **found_as))
        elif matches[0] in found:
            problems.append(_RowRefused(TWICE, line=row.line, file=_quoted(paths[matches[0]])))
        else:
            found[matches[0]] = row.declared
    if problems:
        raise _unreadable(problems)
    return found


def date_of(text: str) -> date | None:
    """Return the date of a spreadsheet cell, or None if it is empty.

    Year first ("1990-02-28", "1990/2/28", "1990年2月28日"), day first with dots as in German ("28.2.1990"),
    or with slashes if unambiguous ("28/2/1990").

    Raises:
        DatesRefused: it is no date, or can be read as two.
    """
    plain = " ".join(unicodedata.normalize("NFKC", text).split())
    if not plain:
        return None
    readings = _readings(plain)
    if len(readings) > 1:
        raise DatesRefused("ambiguous")
    if not readings:
        raise DatesRefused("no_date")
    return readings.pop()


def _readings(text: str) -> set[date]:
    if re.fullmatch(r"\d{8}", text):
        return _dates((text[:4], text[4:6], text[6:]))
    if match := _YEAR_FIRST.fullmatch(text):
        year, first, month, second, day = match.groups()
        return _dates((year, month, day)) if first == second or (first, second) == ("年", "月") else set()
    if match := _DOTTED.fullmatch(text):
        return _dates(match.groups()[::-1])
    if match := _DAY_OR_MONTH_FIRST.fullmatch(text):
        one, other, year = match.groups()
        return _dates((year, one, other), (year, other, one))
    return set()


def _dates(*readings: Sequence[str]) -> set[date]:
    found = set()
    for year, month, day in readings:
        try:
            found.add(date(int(year), int(month), int(day)))
        except ValueError:
            continue
    return found


def _places(table: Table) -> Mapping[str, int]:
    known = [name for name in table.columns if name in COLUMNS]
    if FILE not in known or len(known) < 2 or len(known) != len(set(known)):
        raise CasesUnreadable("columns")
    return {name: table.columns.index(name) for name in known}


def _case_row(row: Row, places: Mapping[str, int], today: date) -> CaseRow:
    cells = {name: row.cells[place] for name, place in places.items()}
    path = canonical_path(cells[FILE])
    if row.surplus:
        raise _RowRefused(TOO_MANY_CELLS, line=row.line, text=_quoted(row.surplus[0]))
    if not path:
        raise _RowRefused(NO_FILE, line=row.line)
    if not any(cells.get(name) for name in DECLARING):
        raise _RowRefused(NOTHING_DECLARED, line=row.line)
    case = _case(cells.get("case", ""), row.line)
    return CaseRow(row.line, path, Declaration(case, *_dates_of(cells, row.line, today)))


def _case(text: str, line: int) -> str | None:
    try:
        return checked_case(text)
    except CaseRefused:
        raise _RowRefused(NO_CASE, line=line, most=CASE_CHARACTERS) from None


def _dates_of(cells: Mapping[str, str], line: int, today: date) -> tuple[date | None, date | None]:
    iso = []
    for name, column in DATES.items():
        text = cells.get(name, "")
        try:
            day = date_of(text)
        except DatesRefused as refused:
            template = AMBIGUOUS if refused.reason == "ambiguous" else NO_DATE
            raise _RowRefused(template, column=Message(column), line=line, text=_quoted(text)) from None
        iso.append(day.isoformat() if day else "")
    try:
        return checked_dates(iso[0], iso[1], today)
    except DatesRefused as refused:
        raise _RowRefused(UNFIT_DATES, line=line, why=refused.message) from None


def _positions(names: Iterable[Iterable[str]]) -> Mapping[str, list[int]]:
    """Return the positions of photos by each of their names."""
    places = defaultdict(list)
    for place, known in enumerate(names):
        for name in known:
            places[name].append(place)
    return places


def _by_longer(path: str, whole: Mapping[str, list[int]]) -> list[int]:
    return next((whole[end] for end in _ends(path) if end in whole), [])


def _ends(path: str) -> list[str]:
    """Return the ends of a path, such as "anna/1.jpg" and "1.jpg"."""
    parts = path.split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _quoted(text: str) -> str:
    """Return client text quoted, shortened and without control characters."""
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return f"“{shown[:NAME_CHARACTERS]}”"


def _unreadable(problems: Sequence[_RowRefused]) -> CasesUnreadable:
    told = [problem.message for problem in problems[:MOST_REASONS]]
    advice = dict.fromkeys(_ADVICE[one.template] for one in told if one.template in _ADVICE)
    if len(problems) > MOST_REASONS:
        told.append(Message(MORE, {"count": len(problems) - MOST_REASONS}))
    return CasesUnreadable("rows", problems=joined(*told, *map(Message, advice)))
