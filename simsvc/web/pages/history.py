"""/history: every record, searched, sorted, by pages, and as CSV."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import date

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from simsvc.domain.desk.declared import CASE_CHARACTERS, declared_age
from simsvc.domain.estimate.flags import FLAGS
from simsvc.domain.files.spreadsheet import csv_line
from simsvc.errors import FilterRefused
from simsvc.store.history import DECIDED, PAGE_ROWS, SORTS, STATUSES, HistoryFilter, HistoryRow
from simsvc.web.http.current import note_export, services
from simsvc.web.http.form_problems import Problems

blueprint = Blueprint("history", __name__, url_prefix="/history")

COLUMNS = (
    "number",
    "id",
    "recorded_utc",
    "case",
    "birth_date",
    "photo_date",
    "declared_age_years",
    "photo",
    "status",
    "withheld",
    "age_years",
    "low_years",
    "high_years",
    "coverage",
    "flags",
    "model",
    "index",
    "asked_by",
    "decision",
    "decided_age_years",
    "reason",
    "note",
    "decided_by",
    "decided_utc",
)
ASKED = ("case", "since", "until", "person", "status", "flag", "model", "index", "decision", "sort")
"""What the page's form asks; nothing else of an address reaches the page's links."""
CHOICES = {"status": STATUSES, "decision": DECIDED, "flag": tuple(FLAGS), "sort": tuple(SORTS)}
"""Fields with a list of their own, in the order of the form."""
MARK = "\ufeff"
"""Byte order mark: without it spreadsheets read UTF-8 as something else."""


@blueprint.get("")
def show() -> ResponseReturnValue:
    """List a page of the records that are searched for; a search that is none is shown again, with why."""
    page, problems = _page(), _problems()
    total, rows = 0, list[HistoryRow]()
    if not problems.found:
        total, rows = services().history.page(_wanted(), _one_of("sort", CHOICES["sort"]) or "newest", page)
    models, indexes = services().history.choices()
    users = services().users.all()
    shown = render_template(
        "history.html",
        problems=problems.found,
        rows=rows,
        total=total,
        page=page,
        pages=max(1, -(-total // PAGE_ROWS)),
        asked={name: text for name in ASKED if (text := request.args.get(name))},
        users=users,
        names=services().all_names(),
        choices=CHOICES,
        models=models,
        indexes=indexes,
        declared_age=declared_age,
    )
    return shown, problems.status


@blueprint.get("/export.csv")
def export() -> ResponseReturnValue:
    """Stream every record that is searched for as CSV; an unusable database is noticed before it begins."""
    names = services().all_names()
    wanted = _wanted()
    filters = {name: str(value) for name, value in asdict(wanted).items() if value and name != "case"}
    note_export("history", format="csv", filters=filters, by_case=bool(wanted.case))
    rows = services().history.every(wanted)
    first = list(itertools.islice(rows, 1))
    lines = csv_lines(itertools.chain(first, rows), names)
    response = Response(lines, mimetype="text/csv", content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="history.csv"'
    return response


def csv_lines(rows: Iterator[HistoryRow], names: Mapping[str, str]) -> Iterator[str]:
    """Give the heading, and a line of every record."""
    yield MARK + csv_line(COLUMNS)
    for row in rows:
        yield csv_line([*_record_cells(row, names), *_decision_cells(row, names)])


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


def _problems() -> Problems:
    """Say everything that cannot be searched for, in the order of the form."""
    problems = Problems()
    for name in ("since", "until"):
        with problems.noting(FilterRefused, name):
            _day(name)
    for name, known in CHOICES.items():
        with problems.noting(FilterRefused, name):
            _one_of(name, known)
    return problems


def _wanted() -> HistoryFilter:
    text = request.args.get
    return HistoryFilter(
        case=text("case", "").strip()[:CASE_CHARACTERS],
        since=_day("since"),
        until=_day("until"),
        person=text("person", ""),
        status=_one_of("status", CHOICES["status"]),
        flag=_one_of("flag", CHOICES["flag"]),
        model=text("model", ""),
        index=text("index", ""),
        decision=_one_of("decision", CHOICES["decision"]),
    )


def _one_of(name: str, known: tuple[str, ...]) -> str:
    text = request.args.get(name, "")
    if text and text not in known:
        raise FilterRefused("The history cannot be searched for that. Choose from the lists of its page.")
    return text


def _day(name: str) -> date | None:
    text = request.args.get(name, "").strip()
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        day = date.min
    if day is not None and not 1970 <= day.year <= 9000:
        raise FilterRefused("Write dates as year-month-day, such as 2026-02-28, and search again.")
    return day


def _page() -> int:
    text = request.args.get("page", "1")
    return min(max(1, int(text)), 1_000_000) if text.isascii() and text.isdigit() and len(text) < 8 else 1
