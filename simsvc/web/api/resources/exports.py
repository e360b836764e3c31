"""/api/v1/exports: stream all records."""

from __future__ import annotations

import json
from typing import Any

from flask import Response
from marshmallow.fields import String
from marshmallow.validate import OneOf

from simsvc.values.events import EventFilter, EventKind
from simsvc.web.api.common.blueprint import Resource
from simsvc.web.api.common.schemas import EstimateFilter, Strict
from simsvc.web.api.resources.estimates import summary, wanted
from simsvc.web.http.current import note_export, services
from simsvc.web.rendering.event_lines import CSV, JSON_LINES, event_lines, every_event
from simsvc.web.rendering.history_csv import begun, csv_lines, download

resource = Resource("exports", __name__, "Export all records as JSON Lines or CSV.")
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
    found = every_event(services().log, EventFilter(kind=kind or ""))
    return download(event_lines(found, form), CSV if form == "csv" else JSON_LINES, f"events.{form}")
