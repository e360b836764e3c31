"""The history as CSV, one row per decision of each record."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import TypeVar

from flask import Response

from simsvc.domain.desk.declared import declared_age
from simsvc.domain.files.spreadsheet import csv_line
from simsvc.store.desk.history import HistoryRow

COLUMNS = (
    "number,id,recorded_utc,case,birth_date,photo_date,declared_age_years,photo,status,withheld,age_years,"
    "low_years,high_years,coverage,flags,model,index,asked_by,decision,decided_age_years,reason,note,"
    "decided_by,decided_utc,verdict"
)
Row = TypeVar("Row")
MARK = "\ufeff"
"""Byte order mark, so that spreadsheets detect UTF-8."""


def begun(rows: Iterator[Row]) -> Iterator[Row]:
    """Read the first row, so that an unusable database is noticed before the answer begins."""
    return itertools.chain(list(itertools.islice(rows, 1)), rows)


def download(lines: Iterator[str], media_type: str, name: str) -> Response:
    """Return a download that streams lines."""
    response = Response(lines, content_type=f"{media_type}; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def csv_lines(rows: Iterator[HistoryRow], names: Mapping[str, str]) -> Iterator[str]:
    """Yield the header and the lines of all records."""
    yield MARK + csv_line(COLUMNS.split(","))
    for row in rows:
        yield csv_line([*_record_cells(row, names), *_decision_cells(row, names), row.verdict])


def _record_cells(row: HistoryRow, names: Mapping[str, str]) -> list[object]:
    record, answer = row.recorded, row.recorded.estimate
    declared, (low, high) = answer.declared, answer.interval_years or (None, None)
    figures = [None if x is None else round(x, 2) for x in (answer.age_years, low, high, answer.coverage)]
    dates = (declared.birth_date, declared.photo_date, declared_age(declared, record.created_at.date()))
    return [
        record.number,
        record.id,
        record.created_at.isoformat(timespec="seconds"),
        declared.case,
        *dates,
        answer.photo_name,
        answer.status,
        int(answer.refer),
        *figures,
        " ".join(answer.flags),
        answer.model,
        answer.index,
        names.get(answer.asked_by or "", answer.asked_by),
    ]


def _decision_cells(row: HistoryRow, names: Mapping[str, str]) -> list[object]:
    made = row.decision
    if made is None:
        return [None] * 6
    by, at = names.get(made.decided_by, made.decided_by), made.created_at.isoformat(timespec="seconds")
    return [made.draft.kind, made.draft.age_years, made.draft.reason, made.draft.note, by, at]
