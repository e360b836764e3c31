"""/reads/...: who looked at a record or case, for auditors and administrators."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from simsvc.domain.audit.who_looked import look_of
from simsvc.values.audit.reads import Views
from simsvc.values.events import LoggedEvent
from simsvc.web.http.current import page_number, services
from simsvc.web.rendering.case_view import actor_names

blueprint = Blueprint("who_looked", __name__, url_prefix="/reads")

LOOKS_A_PAGE = 50
LAST_PAGE = 2_000
"""Of the pages that are turned over one by one; the download of the log has all."""


@blueprint.get("/estimates/<public_id>")
def record(public_id: str) -> ResponseReturnValue:
    """List who looked at a record, newest first; an erased record is found by its ID."""
    reads, estimates = services().reads, services().estimates
    return _page(
        lambda count, skipped: reads.of_record(public_id, count, skipped=skipped),
        reads.views_of_record(public_id),
        lambda: estimates.find(public_id),
        public_id=public_id,
        number=estimates.numbers([public_id]).get(public_id),
    )


@blueprint.get("/cases/<path:reference>")
def case(reference: str) -> ResponseReturnValue:
    """List who looked at a case and its records, newest first."""
    reads, estimates = services().reads, services().estimates
    return _page(
        lambda count, skipped: reads.of_case(reference, count, skipped=skipped),
        reads.views_of_case(reference),
        lambda: estimates.first_of_case(reference),
        reference=reference,
    )


def _page(
    older: Callable[[int, int], list[LoggedEvent]],
    views: Views,
    find: Callable[[], object],
    **words: object,
) -> str:
    """Render the list; `find` raises what is missing where nobody looked."""
    page = page_number(last=LAST_PAGE)
    events = older(LOOKS_A_PAGE + 1, (page - 1) * LOOKS_A_PAGE)
    if not events and page == 1:
        find()
    looks = [look_of(logged) for logged in events[:LOOKS_A_PAGE]]
    return render_template(
        "who_looked.html",
        looks=looks,
        views=views,
        names=actor_names(look.actor for look in looks),
        numbers=services().estimates.numbers([look.record for look in looks if look.record]),
        page=page,
        more=len(events) > LOOKS_A_PAGE and page < LAST_PAGE,
        **words,
    )
