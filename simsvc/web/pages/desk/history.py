"""/history: search, sort and export records, and save views of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from simsvc.domain.desk.declared import CASE_CHARACTERS, declared_age
from simsvc.domain.desk.saved_views import NAME_CHARACTERS, checked_view_name
from simsvc.domain.estimate.flags import FLAGS
from simsvc.errors import FilterRefused, ViewRefused
from simsvc.messages import N_
from simsvc.store.desk.history import DECIDED, PAGE_ROWS, SORTS, STATUSES, HistoryFilter, HistoryRow
from simsvc.values import VERDICTS
from simsvc.web.http.current import note_export, page_number, person, services
from simsvc.web.http.form_problems import Problems
from simsvc.web.http.once import Made, once
from simsvc.web.rendering.history_csv import begun, csv_lines, download

blueprint = Blueprint("history", __name__, url_prefix="/history")

ASKED = (
    *("case", "since", "until", "person", "status", "verdict", "flag", "model", "index", "decision"),
    "sort",
)
"""Fields of the search form; other query parameters are dropped."""
CHOICES = {
    "status": STATUSES,
    "verdict": VERDICTS,
    "decision": DECIDED,
    "flag": tuple(FLAGS),
    "sort": tuple(SORTS),
}
NOT_SAVED = "case"
"""A case may be erased, so no view keeps one."""

Asked = Mapping[str, str]
"""Fields of the search form to what was entered in them; empty ones are left out."""


@dataclass(frozen=True, slots=True)
class QuickFilter:
    """A filter that is one click away."""

    title: str
    asked: Asked


@blueprint.get("")
def show() -> ResponseReturnValue:
    """List a page of the records that are searched for; a search that is none is shown again, with why."""
    return _page(asked := _asked(request.args), _problems(asked))


@blueprint.get("/export.csv")
def export() -> ResponseReturnValue:
    """Stream matching records as CSV; database errors are raised before it begins."""
    names, wanted = services().all_names(), _wanted(_asked(request.args))
    filters = {name: str(value) for name, value in asdict(wanted).items() if value and name != "case"}
    note_export("history", format="csv", filters=filters, by_case=bool(wanted.case))
    rows = begun(services().history.every(wanted))
    return download(csv_lines(rows, names), "text/csv", "history.csv")


@blueprint.post("/views")
def save_view() -> ResponseReturnValue:
    """Save the filters of the form under a name, without the case."""
    asked, name = _asked(request.form), request.form.get("view_name", "")
    problems = _problems(asked)
    kept: dict[str, Any] = {field: text for field, text in asked.items() if field != NOT_SAVED}
    with problems.noting(ViewRefused, "view_name"):
        checked = checked_view_name(name)
        if not problems.found:
            once(lambda: Made(services().saved_views.add(person().id, checked, kept)))
    if problems.found:
        return _page(asked, problems, name)
    flash(gettext("View saved."))
    return redirect(url_for("history.show", **kept), 303)


@blueprint.post("/views/<view_id>/delete")
def delete_view(view_id: str) -> ResponseReturnValue:
    """Delete one of your own views."""
    services().saved_views.remove(person().id, view_id)
    flash(gettext("View deleted."))
    return redirect(url_for("history.show"), 303)


def _page(asked: Asked, problems: Problems, view_name: str = "") -> tuple[str, int]:
    page = page_number()
    total, rows = 0, list[HistoryRow]()
    if not problems.found:
        total, rows = services().history.page(_wanted(asked), asked.get("sort", "newest"), page)
    models, indexes = services().history.choices()
    shown = render_template(
        "history.html",
        problems=problems.found,
        rows=rows,
        total=total,
        page=page,
        pages=max(1, -(-total // PAGE_ROWS)),
        asked=asked,
        users=services().users.all(),
        names=services().all_names(),
        choices=CHOICES,
        models=models,
        indexes=indexes,
        declared_age=declared_age,
        quick=_quick_filters(),
        views=services().saved_views.of(person().id),
        view_name=view_name,
        view_name_characters=NAME_CHARACTERS,
    )
    return shown, problems.status


def _quick_filters() -> tuple[QuickFilter, ...]:
    today = services().now().date()
    return (
        QuickFilter(N_("All"), {}),
        QuickFilter(N_("Today"), {"since": today.isoformat()}),
        QuickFilter(N_("Last 7 days"), {"since": (today - timedelta(days=6)).isoformat()}),
        QuickFilter(N_("Mine"), {"person": person().id}),
        QuickFilter(N_("Undecided"), {"decision": "undecided"}),
        QuickFilter(N_("Outside the range"), {"verdict": "outside"}),
        QuickFilter(N_("Unreliable"), {"status": "withheld"}),
        QuickFilter(N_("No result"), {"status": "refused"}),
    )


def _asked(sent: Asked) -> dict[str, str]:
    return {name: text for name in ASKED if (text := sent.get(name, ""))}


def _problems(asked: Asked) -> Problems:
    problems = Problems()
    for name in ("since", "until"):
        with problems.noting(FilterRefused, name):
            _day(asked, name)
    for name in CHOICES:
        with problems.noting(FilterRefused, name):
            _one_of(asked, name)
    return problems


def _wanted(asked: Asked) -> HistoryFilter:
    return HistoryFilter(
        case=asked.get("case", "").strip()[:CASE_CHARACTERS],
        since=_day(asked, "since"),
        until=_day(asked, "until"),
        person=asked.get("person", ""),
        status=_one_of(asked, "status"),
        verdict=_one_of(asked, "verdict"),
        flag=_one_of(asked, "flag"),
        model=asked.get("model", ""),
        index=asked.get("index", ""),
        decision=_one_of(asked, "decision"),
    )


def _one_of(asked: Asked, name: str) -> str:
    text = asked.get(name, "")
    if text and text not in CHOICES[name]:
        raise FilterRefused("choice")
    return text


def _day(asked: Asked, name: str) -> date | None:
    text = asked.get(name, "").strip()
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        day = date.min
    if day is not None and not 1970 <= day.year <= 9000:
        raise FilterRefused("dates")
    return day
