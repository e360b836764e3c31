"""Every request counted and logged by its route; what stood in the route, and who asked, is in neither."""

from __future__ import annotations

import logging
import time

from flask import Blueprint, Flask, Response, g, request

from simsvc.adapters.ops.metrics import CONTENT_TYPE, Gauge, exposition, note_request
from simsvc.errors import SimsvcError
from simsvc.web.http.current import services
from simsvc.web.security.scopes import AUDIT, require

blueprint = Blueprint("metrics", __name__)
UNKNOWN = "(unknown)"
"""The route of an address that there is not: an address itself would make a series of its own each."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Anyone can send any other word, which would be a series of its own too."""

_log = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Count and log what is answered."""
    app.before_request(_begin)
    app.after_request(_note)


@blueprint.get("/metrics")
def show() -> Response:
    """Return what Prometheus reads, of all workers together, to a token that may audit."""
    require(AUDIT)
    return Response(exposition(GAUGES), mimetype=CONTENT_TYPE)


def _index_age_s() -> float | None:
    """Return the seconds since the build in service was recorded, or None where that cannot be told."""
    desk = services()
    try:
        made_at = desk.builds.made_at().get(desk.shelf.current() or "")
    except SimsvcError:
        return None
    return (desk.now() - made_at).total_seconds() if made_at else None


def _waiting() -> float | None:
    try:
        return float(services().batch_book.waiting())
    except SimsvcError:
        return None


def _stream_lag_events() -> float | None:
    try:
        lag = services().stream_lag()
    except SimsvcError:
        return None
    return float(lag.events) if lag else None


def _stream_lag_s() -> float | None:
    try:
        lag = services().stream_lag()
    except SimsvcError:
        return None
    return lag.behind.total_seconds() if lag else None


def _unwitnessed_s() -> float | None:
    desk = services().witness_desk
    try:
        return desk.unwitnessed().total_seconds() if desk.is_set else None
    except SimsvcError:
        return None


def _failing_witnesses() -> float | None:
    desk = services().witness_desk
    try:
        return (
            float(sum(one.is_set and bool(one.memory.error) for one in desk.statuses()))
            if desk.is_set
            else None
        )
    except SimsvcError:
        return None


GAUGES = {
    "simsvc_index_age_seconds": Gauge("Seconds since the build in service was recorded.", _index_age_s),
    "simsvc_unwitnessed_seconds": Gauge(
        "Seconds since the oldest event was logged that no witness has seen; 0 if all were seen.",
        _unwitnessed_s,
    ),
    "simsvc_witnesses_failing": Gauge("Witnesses that cannot be reached.", _failing_witnesses),
    "simsvc_event_stream_lag_events": Gauge("Events that were not streamed yet.", _stream_lag_events),
    "simsvc_event_stream_lag_seconds": Gauge(
        "Seconds since the oldest of them was logged; 0 if there is none.", _stream_lag_s
    ),
    "simsvc_batch_photos_waiting": Gauge("Photos of batches that wait for an estimate.", _waiting),
}
"""Metrics that are measured when they are asked for, by name."""


def _begin() -> None:
    g.began = time.perf_counter()


def _note(response: Response) -> Response:
    route = request.url_rule.rule if request.url_rule else UNKNOWN
    seconds = time.perf_counter() - g.get("began", time.perf_counter())
    method = request.method if request.method in METHODS else "other"
    note_request(method, route, response.status_code, seconds)
    answered = {"method": method, "route": route, "status": response.status_code}
    _log.info("answered", extra={"request": g.get("request_id"), **answered, "ms": round(seconds * 1000, 1)})
    return response
