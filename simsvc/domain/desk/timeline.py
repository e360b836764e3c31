"""What happened to the photos of a case, from its records and the events about them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from simsvc.domain.audit.evidence import EVIDENCE
from simsvc.messages import N_, Message
from simsvc.values import Decision, RecordedEstimate
from simsvc.values.cases import TimelineEntry
from simsvc.values.events import EventKind, LoggedEvent, actor_of

RECEIVED = N_("Received in batch %(number)s")
ESTIMATED = N_("Received and estimated: %(age).0f years")
ESTIMATED_RANGE = N_("Received and estimated: %(age).0f years, likely between %(low).0f and %(high).0f")
UNRELIABLE = N_("Received and estimated: %(age).0f years, unreliable")
REFUSED = N_("Received; no estimate: %(reason)s")
DECIDED: Mapping[str, str] = {
    "accept": N_("Decided: plausible"),
    "override": N_("Decided: not plausible, assessed age %(age)s"),
    "refer": N_("Sent for review"),
    "need_more": N_("Decided: more is needed"),
}
SUPERSEDED = N_("%(decision)s (replaces decision %(number)s)")
EXPORTED = N_("Exported as %(format)s")
REPORTED = N_("Case report exported as PDF")
EVIDENCE_TAKEN = N_("Evidence taken")
REFERRED: Mapping[str, str] = {
    "sent": N_("Referral sent"),
    "take": N_("Referral taken"),
    "release": N_("Referral released"),
    "answer": N_("Referral answered"),
    "return": N_("Referral returned"),
    "withdraw": N_("Referral withdrawn"),
    "reassign": N_("Referral reassigned"),
    "comment": N_("Comment on the referral"),
}
"""Steps of referrals, whose events have the kind "referral"."""
REPLAYED = {True: N_("Replayed: the result agrees"), False: N_("Replayed: the result differs")}
OTHER = N_("Event: %(kind)s")
CASE_REPORT: Mapping[str, object] = {"format": "pdf", "part_of": "case"}
"""Content of the export events of a case report: one for each record, written together."""


def timeline(
    records: Sequence[RecordedEstimate], events: Iterable[LoggedEvent], batches: Mapping[str, int]
) -> tuple[TimelineEntry, ...]:
    """Return what happened, oldest first; records from before the log have entries without events.

    `batches` are the numbers of the batches that records came from, by public ID.
    """
    known = {f"estimate:{record.id}": record for record in records}
    sent = {f"batch:{batch_id}": number for batch_id, number in batches.items()}
    logged = [_entry(event, known, sent) for event in events]
    found = [entry for entry in logged if entry]
    estimated = {number for entry in found if entry.what.template in _ESTIMATES for number in entry.numbers}
    unlogged = [_estimate(record, None) for record in records if record.number not in estimated]
    return _merged(sorted([*found, *unlogged], key=lambda entry: (entry.at, entry.events or (0, 0))))


def seen_events(
    events: Iterable[LoggedEvent], decisions: Mapping[str, tuple[Decision, ...]]
) -> list[LoggedEvent]:
    """Leave out the events of decisions that the reader does not find, such as before a second opinion.

    `decisions` are those that the reader finds, by public ID of the record.
    """
    return [logged for logged in events if not _is_hidden(logged, decisions)]


def _is_hidden(logged: LoggedEvent, decisions: Mapping[str, tuple[Decision, ...]]) -> bool:
    if logged.event.kind != EventKind.DECISION:
        return False
    found = decisions.get(logged.event.subject.removeprefix("estimate:"), ())
    return _said(logged).get("number") not in {made.number for made in found}


_ESTIMATES = frozenset({ESTIMATED, ESTIMATED_RANGE, UNRELIABLE, REFUSED})


def _entry(
    logged: LoggedEvent, records: Mapping[str, RecordedEstimate], batches: Mapping[str, int]
) -> TimelineEntry | None:
    event = logged.event
    place = (event.seq, event.seq)
    if event.subject in batches:
        if "photos" not in _said(logged):  # a photo of the batch was given up
            return None
        what = Message(RECEIVED, {"number": batches[event.subject]})
        return TimelineEntry(event.time, what, event.actor, (), place)
    record = records.get(event.subject)
    if record is None:
        return None
    if event.kind == EventKind.ESTIMATE:
        return _estimate(record, place)
    return TimelineEntry(event.time, _what(event.kind, _said(logged)), event.actor, (record.number,), place)


def _estimate(record: RecordedEstimate, events: tuple[int, int] | None) -> TimelineEntry:
    actor = actor_of(record.estimate.asked_by)
    return TimelineEntry(record.created_at, _estimated(record), actor, (record.number,), events)


def _estimated(record: RecordedEstimate) -> Message:
    answer = record.estimate
    if answer.age_years is None:
        return Message(REFUSED, {"reason": answer.sentence})
    if answer.refer:
        return Message(UNRELIABLE, {"age": answer.age_years})
    if answer.interval_years is None:
        return Message(ESTIMATED, {"age": answer.age_years})
    low, high = answer.interval_years
    return Message(ESTIMATED_RANGE, {"age": answer.age_years, "low": low, "high": high})


def _what(kind: str, said: Mapping[str, Any]) -> Message:
    if kind == EventKind.DECISION:
        return _decided(said)
    if kind == EventKind.EXPORT:
        return _exported(said)
    if kind == EventKind.REPLAY and "agrees" in said:
        return Message(REPLAYED[bool(said["agrees"])])
    if kind == "referral" and said.get("what") in REFERRED:
        return Message(REFERRED[said["what"]])
    return Message(OTHER, {"kind": kind})


def _exported(said: Mapping[str, Any]) -> Message:
    if said == CASE_REPORT:
        return Message(REPORTED)
    if said.get("what") == EVIDENCE:
        return Message(EVIDENCE_TAKEN)
    return Message(EXPORTED, {"format": str(said.get("format", "?")).upper()})


def _decided(said: Mapping[str, Any]) -> Message:
    template = DECIDED.get(str(said.get("kind")))
    if template is None:
        return Message(OTHER, {"kind": str(said.get("kind", EventKind.DECISION))})
    decision = Message(template, {"age": str(said["age_years"])} if "%(age)s" in template else {})
    number = said.get("number", 1)
    if not isinstance(number, int) or number < 2:
        return decision
    return Message(SUPERSEDED, {"decision": decision, "number": number - 1})


def _said(logged: LoggedEvent) -> dict[str, Any]:
    """Return the content of an event; an empty one if it was erased or tampered with."""
    try:
        said = json.loads(logged.content or "{}")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _merged(entries: Iterable[TimelineEntry]) -> tuple[TimelineEntry, ...]:
    """Join the export events of one case report or evidence, which follow each other, into one entry."""
    found: list[TimelineEntry] = []
    for entry in entries:
        last = found[-1] if found else None
        if last and last.events and entry.events and _belongs(last, entry):
            numbers = (*last.numbers, *entry.numbers)
            found[-1] = replace(last, numbers=numbers, events=(last.events[0], entry.events[1]))
        else:
            found.append(entry)
    return tuple(found)


_OF_CASES = frozenset({REPORTED, EVIDENCE_TAKEN})


def _belongs(last: TimelineEntry, entry: TimelineEntry) -> bool:
    if entry.what.template not in _OF_CASES or last.what != entry.what or last.actor != entry.actor:
        return False
    follows = bool(last.events and entry.events and entry.events[0] == last.events[1] + 1)
    return follows and not set(last.numbers) & set(entry.numbers)
