"""/api/v1/audit: the audit log and its verification."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue
from marshmallow.fields import Boolean, Dict, Integer, List, Nested, String
from marshmallow.validate import OneOf, Range

from simsvc.errors import InputRefused
from simsvc.flows.audit.verify_log import verify
from simsvc.values.events import MOST_PROBLEMS, Checkpoint, EventKind, Verdict
from simsvc.web.api.common.blueprint import Resource
from simsvc.web.api.common.cursors import Cursors
from simsvc.web.api.common.fields import Whole
from simsvc.web.api.common.schemas import (
    MOST_ROWS,
    SHA256,
    USUAL_ROWS,
    Strict,
    maybe,
    moment,
    needed,
    one_line,
)
from simsvc.web.http.current import services
from simsvc.web.rendering.event_lines import described

resource = Resource("audit", __name__, "The audit log: append-only, chained by hashes and verifiable.")


class Event(Strict):
    """An event in the log."""

    seq = needed(Integer, "Sequence number, from 1 without gaps.")
    at = moment("When it was logged, UTC.")
    kind = needed(String, "What happened.", validate=OneOf(tuple(EventKind)))
    actor = needed(String, 'Who did it: "user:<id>", "token:<id>" or, for example, "command".')
    subject = needed(String, 'What it is about, for example "estimate:<id>".')
    content_sha256 = needed(String, "SHA-256 of salt and content.", validate=SHA256)
    previous_sha256 = needed(String, "`sha256` of the previous event.", validate=SHA256)
    sha256 = needed(String, "SHA-256 of all fields above in canonical JSON (RFC 8785).", validate=SHA256)
    salt = maybe(String, "Salt of the content, in hex; null if erased.")
    content = maybe(Dict, "Details of the event; null if erased.")


class EventPage(Strict):
    """A page of the log, oldest first."""

    items = needed(List, "Oldest first.", cls_or_instance=Nested(Event))
    next = maybe(String, "Cursor of the next page; null on the last page.")


class EventQuery(Strict):
    """Page of the log."""

    limit = Whole(load_default=USUAL_ROWS, validate=Range(1, MOST_ROWS))
    cursor = one_line(400, "`next` of the previous page.")


class CheckpointQuery(Strict):
    """A checkpoint that the log must still contain; send both fields or neither."""

    seq = Whole(validate=Range(1, 10**8), metadata={"description": "Sequence number of the event."})
    sha256 = String(validate=SHA256, metadata={"description": "SHA-256 of the event."})


class Link(Strict):
    """A checkpoint: an event with its hash."""

    seq = needed(Integer, "Sequence number.")
    sha256 = needed(String, "SHA-256.")
    at = moment("When it was logged, UTC.")


class LogProblem(Strict):
    """A problem found."""

    seq = maybe(Integer, "Sequence number of the event; null if a record has no event.")
    subject = needed(String, "The event or record.")
    code = needed(String, "Stable code.")
    sentence = needed(String, "What is wrong.")


class Verification(Strict):
    """Result of a verification. Keep `last` where nobody who can write the log can write."""

    fits = needed(Boolean, "Whether the log and its records are intact.")
    events = needed(Integer, "Number of events.")
    erased = needed(Integer, "Number of events with erased content.")
    last = maybe(Nested, "The last event.", nested=Link)
    broken = maybe(Nested, "The first problem, if any.", nested=LogProblem)
    problems = needed(
        List,
        f"All problems by event number, those without one last; at most {MOST_PROBLEMS}.",
        cls_or_instance=Nested(LogProblem),
    )
    more = needed(Integer, "Number of problems besides.")


@resource.get("/audit/events")
@resource.arguments(EventQuery, location="query")
@resource.response(200, EventPage)
def events(query: dict[str, Any]) -> ResponseReturnValue:
    """List the events of the log, oldest first."""
    limit, cursors = query["limit"], Cursors(services().secret_key(), {"list": "events"})
    with services().log.snapshot() as snapshot:
        found = snapshot.after(cursors.read(query.get("cursor")), limit + 1)
    last = found[limit - 1].event.seq if len(found) > limit else None
    return jsonify(items=[described(logged) for logged in found[:limit]], next=cursors.write(last))


@resource.get("/audit/verify")
@resource.arguments(CheckpointQuery, location="query")
@resource.response(200, Verification)
def verification(query: dict[str, Any]) -> ResponseReturnValue:
    """Verify the log and its records, and report all problems."""
    if len(query) == 1:
        raise InputRefused("checkpoint", fields=dict.fromkeys({"seq", "sha256"} - set(query), "Missing."))
    checkpoint = Checkpoint(query["seq"], query["sha256"], "") if query else None
    outside = services().outside()
    with services().log.snapshot() as snapshot:
        return jsonify(_verdict(verify(snapshot, lambda _done, _total: None, checkpoint, outside)))


def _verdict(verdict: Verdict) -> dict[str, Any]:
    last = verdict.last
    link = {"seq": last.seq, "sha256": last.sha256, "at": last.at} if last else None
    broken = asdict(verdict.broken) if verdict.broken else None
    return {"fits": broken is None, **asdict(verdict), "broken": broken, "last": link}
