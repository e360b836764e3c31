"""/api/v1/exports: stream all records."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from flask import Response
from marshmallow.fields import String
from marshmallow.validate import OneOf

from simsvc.domain.files.spreadsheet import csv_line
from simsvc.store.audit_log import EventLog
from simsvc.values.events import Event, EventKind
from simsvc.web.api.audit import described
from simsvc.web.api.blueprint import Resource
from simsvc.web.api.estimates import summary, wanted
from simsvc.web.api.schemas import EstimateFilter, Strict
from simsvc.web.http.current import note_export, services
from simsvc.web.rendering.history_csv import MARK, begun, csv_lines, download

resource = Resource("exports", __name__, "Export all records as JSON Lines or CSV.")
EVENT_COLUMNS = (*(field.name for field in dataclasses.fields(Event)), "salt", "content")
JSON_LINES, CSV = "application/jsonl", "text/csv"
TEXT: dict[str, Any] = {"type": "string"}


class EstimateExport(EstimateFilter):
    """Filters and format of an export of estimates."""

    format = String(load_default="jsonl", validate=OneOf(["jsonl", "csv"]))


class EventExport(Strict):
    """Filter and format of an export of the log."""

    format = String(load_default="jsonl", validate=OneOf(["jsonl", "csv"]))
    kind = String(validate=OneOf(tuple(EventKind)))


@resource.get("/exports/estimates")
@resource.arguments(EstimateExport, location="query")
@resource.response(200, TEXT, content_type=JSON_LINES)
def estimates(query: dict[str, Any]) -> Response:
    """Stream all matching estimates, newest first, with the current decision."""
    form = query.pop("format")
    searched = {name: str(value) for name, value in query.items() if name != "case"}
    note_export("history", format=form, filters=searched, by_case="case" in query)
    every = begun(services().history.every(wanted(query)))
    if form == "csv":
        return download(csv_lines(every, services().all_names()), CSV, "estimates.csv")
    lines = (json.dumps(summary(row), ensure_ascii=False) + "\n" for row in every)
    return download(lines, JSON_LINES, "estimates.jsonl")


@resource.get("/exports/events")
@resource.arguments(EventExport, location="query")
@resource.response(200, TEXT, content_type=JSON_LINES)
def events(query: dict[str, Any]) -> Response:
    """Stream the events logged up to now, oldest first."""
    form, kind = query["format"], query.get("kind")
    note_export("events", format=form, filters={"kind": kind} if kind else {})
    found = _events(services().log, kind)
    if form == "csv":
        return download(_event_table(found), CSV, "events.csv")
    return download((json.dumps(event) + "\n" for event in found), JSON_LINES, "events.jsonl")


def _events(log: EventLog, kind: str | None) -> Iterator[dict[str, Any]]:
    """Yield the events up to the newest at the start; each page is a separate read, so no lock is held."""
    with log.snapshot() as snapshot:
        newest = snapshot.count()
    after: int | None = None
    while True:
        with log.snapshot() as snapshot:
            page = snapshot.after(after)
        yield from (described(e) for e in page if e.event.seq <= newest and kind in {None, e.event.kind})
        if not page or page[-1].event.seq >= newest:
            return
        after = page[-1].event.seq


def _event_table(events: Iterator[dict[str, Any]]) -> Iterator[str]:
    yield MARK + csv_line(EVENT_COLUMNS)
    for event in events:
        said = None if event["content"] is None else json.dumps(event["content"])
        yield csv_line([*(event[name] for name in EVENT_COLUMNS[:-1]), said])
