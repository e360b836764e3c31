"""/api/v1/audit: the log of events, and whether everything in it fits."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue
from marshmallow import fields, validate

from simsvc.errors import InputRefused
from simsvc.flows.verify_log import verify
from simsvc.values.events import Checkpoint, EventKind, LoggedEvent, Verdict
from simsvc.web.api.blueprint import Resource
from simsvc.web.api.cursors import Cursors
from simsvc.web.api.fields import NO_CONTROL, Text, Whole
from simsvc.web.api.schemas import MOST_ROWS, SHA256, USUAL_ROWS, Strict, maybe, moment, needed
from simsvc.web.http.current import services

resource = Resource("audit", __name__, "The log of events: append-only, chained by hashes, and verified.")


class Event(Strict):
    """A link of the chain, and what it says beside the chain."""

    seq = needed(fields.Integer, "1 and up, without a gap.")
    at = moment("When it was logged, UTC.")
    kind = needed(fields.String, "What happened.", validate=validate.OneOf(tuple(EventKind)))
    actor = needed(fields.String, '"user:<id>", "token:<id>", or such as "command".')
    subject = needed(fields.String, 'To what, such as "estimate:<id>".')
    content_sha256 = needed(fields.String, "Of salt and content.", validate=SHA256)
    previous_sha256 = needed(fields.String, "`sha256` of the event before.", validate=SHA256)
    sha256 = needed(fields.String, "Of the RFC 8785 form of all of the above.", validate=SHA256)
    salt = maybe(fields.String, "Of the content, in hex; null where it was erased.")
    content = maybe(fields.Dict, "What else is known; null where it was erased.")


class EventPage(Strict):
    """A page of the log, oldest first."""

    items = needed(fields.List, "Oldest first.", cls_or_instance=fields.Nested(Event))
    next = maybe(fields.String, "Cursor of the page after this one; null on the last.")


class EventQuery(Strict):
    """A page of the log."""

    limit = Whole(load_default=USUAL_ROWS, validate=validate.Range(1, MOST_ROWS))
    cursor = Text(
        metadata={"description": "`next` of the page before."},
        validate=[validate.Length(1, 400), validate.Regexp(NO_CONTROL)],
    )


class CheckpointQuery(Strict):
    """An event that the log must still contain; both or neither."""

    seq = Whole(validate=validate.Range(1, 10**8), metadata={"description": "Its number."})
    sha256 = fields.String(validate=SHA256, metadata={"description": "Its hash."})


class Link(Strict):
    """An event by its number: what a checkpoint keeps."""

    seq = needed(fields.Integer, "Its number.")
    sha256 = needed(fields.String, "Its hash.")
    at = moment("When it was logged, UTC.")


class FirstBreak(Strict):
    """The first thing that does not fit."""

    seq = maybe(fields.Integer, "Number of the event; null where a record has no event.")
    subject = needed(fields.String, "Of the event or record.")
    code = needed(fields.String, "Stable.")
    sentence = needed(fields.String, "What does not fit.")


class Verification(Strict):
    """What verifying found. Keep `last` where nobody who writes the log can write."""

    fits = needed(fields.Boolean, "Whether every event, content and record fits.")
    events = needed(fields.Integer, "How many there are.")
    erased = needed(fields.Integer, "How many have had their content erased.")
    last = maybe(fields.Nested, "The last event.", nested=Link)
    broken = maybe(fields.Nested, "The first break.", nested=FirstBreak)


@resource.get("/audit/events")
@resource.arguments(EventQuery, location="query")
@resource.response(200, EventPage)
def events(query: dict[str, Any]) -> ResponseReturnValue:
    """List the log, oldest first."""
    limit, cursors = query["limit"], Cursors(services().secret_key(), {"list": "events"})
    with services().log.snapshot() as snapshot:
        found = snapshot.after(cursors.read(query.get("cursor")), limit + 1)
    last = found[limit - 1].event.seq if len(found) > limit else None
    return jsonify(items=[described(logged) for logged in found[:limit]], next=cursors.write(last))


@resource.get("/audit/verify")
@resource.arguments(CheckpointQuery, location="query")
@resource.response(200, Verification)
def verification(query: dict[str, Any]) -> ResponseReturnValue:
    """Walk the log and its records, and name the first thing that does not fit."""
    if len(query) == 1:
        raise InputRefused("checkpoint", fields=dict.fromkeys({"seq", "sha256"} - set(query), "Missing."))
    checkpoint = Checkpoint(query["seq"], query["sha256"], "") if query else None
    with services().log.snapshot() as snapshot:
        return jsonify(_verdict(verify(snapshot, lambda _done, _total: None, checkpoint)))


def described(logged: LoggedEvent) -> dict[str, Any]:
    """Return an event with what it says, ready for JSON."""
    erased = logged.content is None
    return {
        **asdict(logged.event),
        "salt": None if erased else logged.salt.hex(),
        "content": _said(logged.content),
    }


def _said(content: str | None) -> dict[str, Any] | None:
    """Return what an event says; what somebody made unreadable is shown as it stands."""
    if content is None:
        return None
    try:
        said = json.loads(content)
    except ValueError:
        said = None
    return said if isinstance(said, dict) else {"unreadable": content}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    last = verdict.last
    return {
        "fits": verdict.broken is None,
        "events": verdict.events,
        "erased": verdict.erased,
        "last": {"seq": last.seq, "sha256": last.sha256, "at": last.at} if last else None,
        "broken": asdict(verdict.broken) if verdict.broken else None,
    }
