"""/history: search, sort and export records."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from simsvc.domain.desk.declared import CASE_CHARACTERS, declared_age
from simsvc.domain.estimate.flags import FLAGS
from simsvc.errors import FilterRefused
from simsvc.store.history import DECIDED, PAGE_ROWS, SORTS, STATUSES, HistoryFilter, HistoryRow
from simsvc.web.http.current import note_export, page_number, services
from simsvc.web.http.form_problems import Problems
from simsvc.web.rendering.history_csv import begun, csv_lines, download

blueprint = Blueprint("history", __name__, url_prefix="/history")

ASKED = ("case", "since", "until", "person", "status", "flag", "model", "index", "decision", "sort")
"""Fields of the search form; other query parameters are dropped."""
CHOICES = {"status": STATUSES, "decision": DECIDED, "flag": tuple(FLAGS), "sort": tuple(SORTS)}


@blueprint.get("")
def show() -> ResponseReturnValue:
    """List a page of the records that are searched for; a search that is none is shown again, with why."""
    page, problems = page_number(), _problems()
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
    """Stream matching records as CSV; database errors are raised before it begins."""
    names, wanted = services().all_names(), _wanted()
    filters = {name: str(value) for name, value in asdict(wanted).items() if value and name != "case"}
    note_export("history", format="csv", filters=filters, by_case=bool(wanted.case))
    rows = begun(services().history.every(wanted))
    return download(csv_lines(rows, names), "text/csv", "history.csv")


def _problems() -> Problems:
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
        raise FilterRefused("choice")
    return text


def _day(name: str) -> date | None:
    text = request.args.get(name, "").strip()
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        day = date.min
    if day is not None and not 1970 <= day.year <= 9000:
        raise FilterRefused("dates")
    return day
