"""/: what to do next, and how the service is doing, for each role."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from simsvc.web.http.current import page_number, person, services
from simsvc.web.pages.desk.overview import last_week, last_weeks, service_state, trust
from simsvc.web.pages.desk.work_list import LAST_PAGE, PAGE_ROWS, lists_for, people_of, rows_of
from simsvc.web.security.access import may

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
def show() -> ResponseReturnValue:
    """Show a list of records, chosen by `list` and `sort` of the query, and the overview."""
    now, page = services().now(), page_number(LAST_PAGE)
    lists = lists_for(person(), now)
    chosen = next((one for one in lists if one.name == request.args.get("list")), lists[0])
    sort = next((name for name in chosen.sorts if name == request.args.get("sort")), chosen.sorts[0])
    found = services().history.some(chosen.wanted, sort, (page - 1) * PAGE_ROWS, PAGE_ROWS + 1)
    rows = rows_of(chosen, found[:PAGE_ROWS], now)
    creates = may("pages.create")
    return render_template(
        "home.html",
        lists=lists,
        counts=services().history.counts({one.name: one.wanted for one in lists if one.counted}),
        chosen=chosen,
        sort=sort,
        rows=rows,
        names=people_of(rows),
        page=page,
        more=len(found) > PAGE_ROWS and page < LAST_PAGE,
        week=last_week(now) if creates else None,
        weeks=last_weeks(now) if may("users.show") or not creates else None,
        trust=trust(now),
        state=service_state() if may("users.show") else None,
        max_bytes=services().settings.max_upload_bytes,
    )
