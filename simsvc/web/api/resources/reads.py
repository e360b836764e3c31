"""/api/v1/.../reads: who looked at a record or case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, jsonify
from flask.typing import ResponseReturnValue
from marshmallow.fields import Integer, List, Nested, String
from marshmallow.validate import Range

from simsvc.domain.audit.who_looked import Look, look_of
from simsvc.values.audit.reads import Views
from simsvc.values.events import LoggedEvent
from simsvc.web.api.common.blueprint import IN_PATH, Resource
from simsvc.web.api.common.cursors import Cursors
from simsvc.web.api.common.fields import Whole
from simsvc.web.api.common.schemas import MOST_ROWS, USUAL_ROWS, Strict, maybe, moment, needed, one_line
from simsvc.web.api.resources.cases import REFERENCE_IN_PATH
from simsvc.web.http.current import services

resource = Resource("reads", __name__, "Who looked at records and cases.")


class LoggedRead(Strict):
    """A view or an export of a record or case."""

    event = needed(Integer, "Sequence number of the event in the log.")
    at = moment("When it was answered, UTC; when it was logged, if the content was erased.")
    actor = needed(String, 'Who: "user:<id>", "token:<id>" or, for example, "command".')
    estimate = maybe(String, "ID of the record; null for the case as a whole.")
    what = maybe(
        String,
        'What was shown: "page", "api", "crop", "thumbnail", "heat_map", or the format of an export, such as '
        '"pdf"; null if erased.',
    )
    session = maybe(Integer, "Number of the session in the browser.")
    token = maybe(String, "ID of the API token.")
    address = maybe(String, "Network address, with SIMSVC_LOG_ADDRESSES=1.")


class ReadPage(Strict):
    """A page of views and exports, newest first."""

    views = needed(Integer, "Number of views in total, without exports.")
    people = needed(Integer, "Number of accounts and tokens that these views are by.")
    items = needed(List, "Newest first.", cls_or_instance=Nested(LoggedRead))
    next = maybe(String, "Cursor of the next page; null on the last page.")


class ReadQuery(Strict):
    """Page of the list."""

    limit = Whole(load_default=USUAL_ROWS, validate=Range(1, MOST_ROWS))
    cursor = one_line(400, "`next` of the previous page.")


@resource.get("/estimates/<public_id>/reads", parameters=[IN_PATH])
@resource.arguments(ReadQuery, location="query")
@resource.response(200, ReadPage)
def record(query: dict[str, Any], public_id: str) -> ResponseReturnValue:
    """List who looked at a record, newest first, also after it was erased."""
    reads = services().reads
    views = reads.views_of_record(public_id)
    if not views.count:
        services().estimates.find(public_id)
    return _page(
        query, f"record {public_id}", views, lambda count, before: reads.of_record(public_id, count, before)
    )


@resource.get("/cases/<path:reference>/reads", parameters=[REFERENCE_IN_PATH])
@resource.arguments(ReadQuery, location="query")
@resource.response(200, ReadPage)
def case(query: dict[str, Any], reference: str) -> ResponseReturnValue:
    """List who looked at a case and its records, newest first."""
    reads = services().reads
    services().estimates.first_of_case(reference)
    views = reads.views_of_case(reference)
    return _page(
        query, f"case {reference}", views, lambda count, before: reads.of_case(reference, count, before)
    )


def _page(
    query: dict[str, Any],
    about: str,
    views: Views,
    newest: Callable[[int, int | None], list[LoggedEvent]],
) -> Response:
    limit, cursors = query["limit"], Cursors(services().secret_key(), {"reads": about})
    found = newest(limit + 1, cursors.read(query.get("cursor")))
    last = found[limit - 1].event.seq if len(found) > limit else None
    items = [_described(look_of(logged)) for logged in found[:limit]]
    return jsonify(views=views.count, people=views.people, items=items, next=cursors.write(last))


def _described(look: Look) -> dict[str, Any]:
    return {
        "event": look.seq,
        "at": look.at.isoformat(timespec="milliseconds"),
        "actor": look.actor,
        "estimate": look.record or None,
        "what": look.what or None,
        "session": look.session,
        "token": look.token,
        "address": look.address,
    }
