"""/audit: whether the log is intact, its events, and downloads as evidence."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from simsvc.domain.audit.checkpoint import checkpoint_text
from simsvc.errors import (
    CheckpointMissing,
    FilterRefused,
    LogKeyRefused,
    VerificationRefused,
)
from simsvc.flows.audit.verifications import is_running
from simsvc.values.audit.witnesses import WitnessCheck
from simsvc.values.events import COMMAND, PROGRAM, VISITOR, EventFilter, EventKind, LoggedEvent
from simsvc.web.http.current import note_export, page_number, person, services
from simsvc.web.http.form_problems import Problems
from simsvc.web.i18n.language import translated
from simsvc.web.rendering.actors import actor_names
from simsvc.web.rendering.event_lines import CSV, JSON_LINES, described, event_lines, every_event
from simsvc.web.rendering.history_csv import download
from simsvc.wiring.audit.witnesses import WitnessStatus

blueprint = Blueprint("audit", __name__, url_prefix="/audit")

EVENTS_A_PAGE = 50
LAST_PAGE = 2_000
"""Of the pages that are turned over one by one; dates lead to older events."""
ASKED = ("kind", "actor", "about", "since", "until", "reads")
FORMATS = {"jsonl": JSON_LINES, "csv": CSV}
NUMBER, ID = re.compile(r"\d{1,9}"), re.compile(r"[0-9a-f]{32}")
KINDS_WITH_ID = ("estimate", "batch", "user", "token")
"""Kinds of subjects that are named by a public id."""
SUMMARIES = ("kind", "outcome", "change", "what", "agrees", "intact", "format", "status")
"""Fields of contents that say most in one word; the first that an event has is shown."""
OUTCOMES = {"agrees": ("differs", "agrees"), "intact": ("not_intact", "intact")}
"""Words for the fields that are true or false, for false first."""


@dataclass(frozen=True, slots=True)
class ListedEvent:
    """An event in the list.

    Attributes:
        summary: what its content says in one word, or "".
        estimate_id: public id of the record that it is about, if any.
        number: of that record, or None if it was erased.
        case: reference of the case that it is about, or None if it was erased or it is about none.
        content: in readable JSON; None if it was erased.
    """

    logged: LoggedEvent
    summary: str
    estimate_id: str | None
    number: int | None
    case: str | None
    content: str | None


@dataclass(frozen=True, slots=True)
class Witnesses:
    """What is known of the witnesses, what the last comparison with them found, or why nothing is known."""

    statuses: tuple[WitnessStatus, ...] = ()
    check: WitnessCheck | None = None
    problem: str = ""


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Show the last verification and a page of the events that are asked for."""
    return _page()


@blueprint.post("/verify")
def verify() -> ResponseReturnValue:
    """Start to verify the log in the background, unless it is or was just verified: then say so."""
    try:
        services().verifier.start(f"user:{person().id}")
    except VerificationRefused as refusal:
        flash(translated(refusal.message))
    return redirect(url_for("audit.show"), 303)


@blueprint.get("/verifications/<int:number>/checkpoint.json")
def checkpoint(number: int) -> ResponseReturnValue:
    """Download the checkpoint of a verification that found the log intact."""
    verification = services().verifications.find(number)
    found = verification.found if verification else None
    if found is None or found.broken is not None or found.head is None:
        raise CheckpointMissing()
    response = Response(checkpoint_text(found.head), mimetype="application/json")
    response.headers.set("Content-Disposition", "attachment", filename=f"checkpoint-{found.head.seq}.json")
    return response


@blueprint.get("/events.<any(jsonl, csv):form>")
def export(form: str) -> ResponseReturnValue:
    """Download all events that are asked for, oldest first, with salts and contents."""
    wanted = _wanted()
    filters = {name: str(value) for name, value in asdict(wanted).items() if value and name != "subjects"}
    note_export("events", format=form, filters=filters, by_subject=wanted.subjects is not None)
    lines = event_lines(every_event(services().log, wanted), form)
    return download(lines, FORMATS[form], f"events.{form}")


def _page() -> ResponseReturnValue:
    problems = _problems()
    page, events = page_number(last=LAST_PAGE), list[LoggedEvent]()
    if not problems.found:
        with services().log.snapshot() as snapshot:
            events = snapshot.newest(_listed_filter(), EVENTS_A_PAGE + 1, (page - 1) * EVENTS_A_PAGE)
    latest, now = services().verifications.latest(), services().now()
    running = latest if latest and is_running(latest, now) else None
    names = actor_names(services())
    actors = sorted(names.items(), key=lambda named: named[1].casefold())
    shown = render_template(
        "audit.html",
        problems=problems.found,
        running=running,
        failed=latest is not None and not running and latest.found is None,
        last=services().verifications.latest_found(),
        events=_listed(events[:EVENTS_A_PAGE]),
        page=page,
        more=len(events) > EVENTS_A_PAGE and page < LAST_PAGE,
        asked={name: text for name in ASKED if (text := request.args.get(name))},
        kinds=tuple(EventKind),
        actors=[*actors, *((actor, "") for actor in (COMMAND, PROGRAM, VISITOR))],
        names=names,
        witnesses=_witnesses(),
        stream=services().stream_lag(),
    )
    return shown, problems.status


def _witnesses() -> Witnesses:
    desk = services().witness_desk
    try:
        return Witnesses(desk.statuses(), desk.memory.check())
    except LogKeyRefused as refusal:  # the file is damaged
        return Witnesses(problem=refusal.sentence)


def _listed(events: list[LoggedEvent]) -> list[ListedEvent]:
    subjects = {logged.event.subject for logged in events}
    ids = [subject.removeprefix("estimate:") for subject in subjects if subject.startswith("estimate:")]
    numbers, cases = services().estimates.numbers(ids), services().reads.cases(subjects)
    return [_event(logged, numbers, cases) for logged in events]


def _event(logged: LoggedEvent, numbers: Mapping[str, int], cases: Mapping[str, str]) -> ListedEvent:
    said: dict[str, Any] | None = described(logged)["content"]
    kind, _, name = logged.event.subject.partition(":")
    estimate_id = name if kind == "estimate" else None
    content = None if said is None else json.dumps(said, ensure_ascii=False, indent=1, sort_keys=True)
    number, case = numbers.get(name), cases.get(logged.event.subject)
    return ListedEvent(logged, _summary(said or {}), estimate_id, number, case, content)


def _summary(said: Mapping[str, Any]) -> str:
    field = next((field for field in SUMMARIES if field in said), "")
    value = said.get(field, "")
    return OUTCOMES[field][value] if field in OUTCOMES and isinstance(value, bool) else str(value)


def _problems() -> Problems:
    problems = Problems()
    for name in ("since", "until"):
        with problems.noting(FilterRefused, name):
            _day(name)
    with problems.noting(FilterRefused, "kind"):
        _kind()
    return problems


def _listed_filter() -> EventFilter:
    """Return the filter of the list, which leaves views of records out unless they are asked for.

    Raises:
        FilterRefused: a part of it is not valid.
    """
    wanted = _wanted()
    shows_reads = wanted.kind == EventKind.READ or request.args.get("reads") == "1"
    return wanted if shows_reads else replace(wanted, without=(str(EventKind.READ),))


def _wanted() -> EventFilter:
    """Return the filter that the address asks for.

    Raises:
        FilterRefused: a part of it is not valid.
    """
    about = request.args.get("about", "").strip()[:160]
    subjects = _subjects(about) if about else None
    return EventFilter(_kind(), request.args.get("actor", ""), subjects, _day("since"), _day("until"))


def _subjects(about: str) -> tuple[str, ...]:
    """Return the subjects that a record number, an id, a case or a subject itself means."""
    if NUMBER.fullmatch(about):
        found = services().estimates.numbered(int(about))
        of_case = services().reads.subjects_of_case(about)
        return (f"estimate:{found}", *of_case) if found else of_case
    if ID.fullmatch(about):
        return tuple(f"{kind}:{about}" for kind in KINDS_WITH_ID)
    return (about, *services().reads.subjects_of_case(about))


def _kind() -> str:
    text = request.args.get("kind", "")
    if text and text not in tuple(EventKind):
        raise FilterRefused("choice")
    return text


def _day(name: str) -> date | None:
    text = request.args.get(name, "").strip()
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        day = date.min
    if day is not None and not 1970 <= day.year <= 9000:
        raise FilterRefused("dates")
    return day
