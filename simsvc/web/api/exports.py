"""/api/v1/exports: everything on record, streamed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

from flask import Response
from marshmallow import fields, validate

from simsvc.store.cases import HistoryRow
from simsvc.web.api.estimates import summary, wanted
from simsvc.web.api.resource import Resource
from simsvc.web.api.schemas import EstimateFilter
from simsvc.web.current import services
from simsvc.web.pages.history import csv_lines

resource = Resource("exports", __name__, "Everything on record, as JSON Lines or CSV.")
JSON_LINES, CSV = "application/jsonl", "text/csv"
TEXT: dict[str, Any] = {"type": "string"}


class EstimateExport(EstimateFilter):
    """What is exported, and how."""

    format = fields.String(load_default="jsonl", validate=validate.OneOf(["jsonl", "csv"]))


@resource.get("/exports/estimates")
@resource.arguments(EstimateExport, location="query")
@resource.response(200, TEXT, content_type=JSON_LINES)
def estimates(query: dict[str, Any]) -> Response:
    """Stream every estimate that is searched for, the newest first, with the decision that counts."""
    form = query.pop("format")
    rows = services().history.every(wanted(query))
    first = list(itertools.islice(rows, 1))  # an unusable database is noticed before the answer begins
    every = itertools.chain(first, rows)
    if form == "csv":
        return streamed(csv_lines(every, services().all_names()), CSV, "estimates.csv")
    return streamed(_json_lines(every), JSON_LINES, "estimates.jsonl")


def streamed(lines: Iterator[str], media_type: str, name: str) -> Response:
    """Return lines as they come, as a file to keep."""
    response = Response(lines, content_type=f"{media_type}; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _json_lines(rows: Iterator[HistoryRow]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(summary(row), ensure_ascii=False) + "\n"
