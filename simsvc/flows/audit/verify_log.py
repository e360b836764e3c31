"""Verify the log: events, their content and their records."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from simsvc.domain.audit.chain import chain_fault, content_fault, differing
from simsvc.values.events import Break, Checkpoint, Event, EventKind, LoggedEvent, RecordKey, Verdict

RECEIPTS = (EventKind.ERASURE, EventKind.RETENTION)
"""Kinds of events that list events with erased content."""


class Snapshot(Protocol):
    """The log and its records at one instant."""

    def count(self) -> int:
        """Count the events."""

    def pages(self) -> Iterator[list[LoggedEvent]]:
        """Yield every stored event, oldest first."""

    def records(self, keys: Iterable[RecordKey]) -> dict[RecordKey, dict[str, Any]]:
        """Return the current log content of records."""

    def unlogged(self, estimates_up_to: int, decisions_up_to: int) -> str | None:
        """Return the subject of a record without an event."""


def verify(
    snapshot: Snapshot, progress: Callable[[int, int], None], checkpoint: Checkpoint | None = None
) -> Verdict:
    """Verify the log, which must contain the checkpoint, reporting progress as (events done, total)."""
    walk, total = _Walk(checkpoint), snapshot.count()
    for page in snapshot.pages():
        records = snapshot.records(key for key in map(_key, page) if key)
        for logged in page:
            walk.see(logged, records)
        progress(walk.events, total)
    return walk.verdict(snapshot)


@dataclass(slots=True)
class _Walk:
    checkpoint: Checkpoint | None
    events: int = 0
    last: Event | None = None
    chain: Break | None = None
    other: Break | None = None
    bare: dict[int, str] = field(default_factory=dict)
    receipted: set[int] = field(default_factory=set)
    older: dict[str, int] = field(default_factory=dict)

    def see(self, logged: LoggedEvent, records: dict[RecordKey, dict[str, Any]]) -> None:
        """Check the next event, unless the chain is already broken."""
        self.events += 1
        if self.chain is None:
            self.chain = self._chain_break(logged.event)
        self.last = logged.event
        said = self._said(logged)
        if said is not None:
            self._look_up(logged, said, records)

    def verdict(self, snapshot: Snapshot) -> Verdict:
        """Return the first problem by event number; records without an event come last."""
        missing = sorted(self.bare.keys() - self.receipted)
        bare = _missing_content(missing[0], self.bare[missing[0]]) if missing else None
        found = [broken for broken in (self.chain, self.other, bare) if broken]
        first = min(found, key=lambda broken: broken.seq or 0, default=None)
        return Verdict(
            self.events, len(self.bare), self.last, first or self._unmet() or self._unlogged(snapshot)
        )

    def _chain_break(self, event: Event) -> Break | None:
        fault = chain_fault(event, self.last)
        if fault:
            expected = self.last.seq + 1 if self.last else 1
            return Break(min(event.seq, expected), event.subject, "chain", fault)
        if self.checkpoint and event.seq == self.checkpoint.seq and event.sha256 != self.checkpoint.sha256:
            sentence = f"Event {event.seq} does not match the checkpoint: the log was rewritten."
            return Break(event.seq, event.subject, "checkpoint", sentence)
        return None

    def _said(self, logged: LoggedEvent) -> dict[str, Any] | None:
        event = logged.event
        if logged.content is None:
            self.bare[event.seq] = event.subject
            return None
        fault = content_fault(event, logged.salt, logged.content)
        if fault:
            self._note(Break(event.seq, event.subject, "content", fault))
            return None
        said: dict[str, Any] = json.loads(logged.content)
        return said

    def _look_up(
        self, logged: LoggedEvent, said: dict[str, Any], records: dict[RecordKey, dict[str, Any]]
    ) -> None:
        if logged.event.kind in RECEIPTS:
            self.receipted.update(said.get("events", ()))
        if logged.event.seq == 1:
            self.older = said.get("not_logged_up_to", {})
        key = _key(logged)
        if key is None:
            return
        if key not in records:
            self._note(_missing_record(logged.event))
        elif names := differing(said, records[key]):
            self._note(_differing_record(logged.event, names))

    def _note(self, broken: Break) -> None:
        self.other = self.other or broken

    def _unmet(self) -> Break | None:
        if self.checkpoint is None or self.events >= self.checkpoint.seq:
            return None
        sentence = (
            f"The log ends with event {self.events}, before the checkpoint's event {self.checkpoint.seq}."
        )
        return Break(self.checkpoint.seq, "", "checkpoint", sentence)

    def _unlogged(self, snapshot: Snapshot) -> Break | None:
        subject = snapshot.unlogged(self.older.get("estimates", 0), self.older.get("decisions", 0))
        if subject is None:
            return None
        sentence = f"The record {subject}, or a decision on it, has no event: it was not made by simsvc."
        return Break(None, subject, "not_logged", sentence)


def _key(logged: LoggedEvent) -> RecordKey | None:
    kind, subject = logged.event.kind, logged.event.subject.removeprefix("estimate:")
    if logged.content is None or kind not in {EventKind.ESTIMATE, EventKind.DECISION}:
        return None
    if kind == EventKind.ESTIMATE:
        return RecordKey(subject)
    try:
        return RecordKey(subject, int(json.loads(logged.content)["number"]))
    except (ValueError, KeyError, TypeError):
        return None


def _missing_content(seq: int, subject: str) -> Break:
    sentence = f"The content of event {seq} is missing, but no receipt says that it was erased."
    return Break(seq, subject, "content_missing", sentence)


def _missing_record(event: Event) -> Break:
    sentence = f"The record of event {event.seq} ({event.subject}) is missing, but was not erased by simsvc."
    return Break(event.seq, event.subject, "record_missing", sentence)


def _differing_record(event: Event, names: tuple[str, ...]) -> Break:
    said = ", ".join(names)
    sentence = f"The record of event {event.seq} ({event.subject}) was changed after it was logged: {said}."
    return Break(event.seq, event.subject, "record_differs", sentence)
