"""Verify the log: events, their content and their records."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from simsvc.domain.audit.chain import chain_fault, content_fault, differing
from simsvc.domain.audit.state import (
    FACE_CHANGES,
    KINDS_OF_FEW_ROWS,
    PARTIAL_TABLES,
    TABLES_OF_FEW_ROWS,
    WHOLE_TABLES,
    Facts,
    LoggedState,
    unlike_record,
    unlike_results,
)
from simsvc.flows.audit.verify_tree import TreeSnapshot, TreeWalk, last_signed
from simsvc.values.audit.log import NOTHING_OUTSIDE, Outside
from simsvc.values.events import (
    MOST_PROBLEMS,
    Break,
    Checkpoint,
    Event,
    EventKind,
    FaceSets,
    LoggedEvent,
    RecordKey,
    Verdict,
)

CLOCK_TOLERANCE = timedelta(seconds=5)
"""By how much an event may be dated before the one before it.

A clock that NTP corrects in steps goes back by its offset, and hosts with one database differ by theirs:
well below 1 s each where NTP works (RFC 5905 slews offsets below 0.128 s, and steps larger ones). 5 s leaves
room for a host that has just been started."""
RECEIPTS = (EventKind.ERASURE, EventKind.RETENTION)
"""Kinds of events that list events with erased content."""


class Snapshot(TreeSnapshot, Protocol):
    """The log, its tree and its records at one instant."""

    def count(self) -> int:
        """Count the events."""

    def pages(self, after: int | None = None) -> Iterator[list[LoggedEvent]]:
        """Yield every stored event, or those after a number, oldest first."""

    def at(self, seqs: Iterable[int]) -> dict[int, LoggedEvent]:
        """Return the events with these numbers."""

    def last(self) -> Event | None:
        """Return the last event."""

    def of_kinds(self, kinds: Iterable[EventKind], up_to: int) -> Iterator[list[LoggedEvent]]:
        """Yield the events of these kinds up to a number, oldest first."""

    def records(self, keys: Iterable[RecordKey]) -> dict[RecordKey, dict[str, Any]]:
        """Return the current log content of records."""

    def face_sets(self) -> FaceSets | None:
        """Return what the file of face changes holds, where it is verified; call it before anything else.

        Events that are logged later say nothing of what the file held.
        """

    def served_problems(self) -> Iterable[Break]:
        """Return how what is in service now differs from what was logged, where that is verified."""

    def rows(self, table: str) -> Iterator[tuple[str, Facts]]:
        """Yield every row of a table: its key, and its facts as of now."""

    def named_rows(self, table: str, keys: Iterable[str]) -> Iterator[tuple[str, Facts]]:
        """Yield the rows with these keys."""

    def batch_results(self, batch_ids: Iterable[str]) -> dict[str, list[str]]:
        """Return what became of the photos of batches, by position."""

    def photos_unlike_records(self) -> Iterator[tuple[str, int]]:
        """Yield the photos of batches that differ from their records."""

    def unlogged(self, estimates_up_to: int, decisions_up_to: int) -> Iterator[str]:
        """Yield the subjects of records without an event."""


def verify(
    snapshot: Snapshot,
    progress: Callable[[int, int], None],
    checkpoint: Checkpoint | None = None,
    outside: Outside = NOTHING_OUTSIDE,
) -> Verdict:
    """Verify the log, which must contain the checkpoint, reporting progress as (events done, total).

    The tree is made anew and compared with the stored one, with every signed checkpoint, and with what is
    known from outside the database.
    """
    return _verified(snapshot, progress, checkpoint, outside, snapshot.face_sets())


def _verified(
    snapshot: Snapshot,
    progress: Callable[[int, int], None],
    checkpoint: Checkpoint | None,
    outside: Outside,
    faces: FaceSets | None,
) -> Verdict:
    walk, tree, total = _Walk(checkpoint, faces), TreeWalk(snapshot, outside), snapshot.count()
    for page in snapshot.pages():
        records = snapshot.records(key for key in map(_key, page) if key)
        for logged in page:
            walk.see(logged, records)
            tree.see(logged.event)
        walk.see_results(snapshot)
        progress(walk.events, total)
    walk.found.note_all(tree.problems())
    return walk.verdict(snapshot)


def verify_new(
    snapshot: Snapshot, progress: Callable[[int, int], None], outside: Outside = NOTHING_OUTSIDE
) -> tuple[Verdict, int]:
    """Verify what came after the last checkpoint, and that the log before has the root hash that it says.

    Return the verdict and the size of that checkpoint; without one that is signed, verify all. Accounts,
    tokens, index builds, switches and changes of faces are compared with the log in full. Other earlier
    events, contents and records are not read: only `verify` finds changes there that leave the tree alone.
    """
    faces = snapshot.face_sets()
    size = last_signed(snapshot, outside)
    found = snapshot.at([size]).get(size)
    if found is None:
        return _verified(snapshot, progress, None, outside, faces), 0
    end = snapshot.last()
    walk, tree = _Walk(None, faces, events=size, last=found.event), TreeWalk(snapshot, outside, size)
    tree.check_last(found.event)
    for page in snapshot.of_kinds(KINDS_OF_FEW_ROWS, size):
        walk.hear_earlier(page)
    for page in snapshot.pages(size):
        records = snapshot.records(key for key in map(_key, page) if key)
        for logged in page:
            walk.see(logged, records)
            tree.see(logged.event)
        walk.see_results(snapshot)
        progress(walk.events - size, (end.seq if end else size) - size)
    walk.found.note_all(tree.problems())
    return walk.verdict(snapshot, whole=False), size


@dataclass(slots=True)
class Problems:
    """Collects problems: the first `MOST_PROBLEMS` by event number, and how many there are."""

    kept: list[Break] = field(default_factory=list)
    count: int = 0

    def note(self, broken: Break) -> None:
        """Note a problem."""
        self.count += 1
        self.kept.append(broken)
        if len(self.kept) >= 2 * MOST_PROBLEMS:
            self._keep_first()

    def note_all(self, found: Iterable[Break]) -> None:
        """Note several problems."""
        for broken in found:
            self.note(broken)

    def listed(self) -> tuple[tuple[Break, ...], int]:
        """Return the first problems by event number, those without one last, and how many are left out."""
        self._keep_first()
        return tuple(self.kept), self.count - len(self.kept)

    def _keep_first(self) -> None:
        self.kept = sorted(self.kept, key=_place)[:MOST_PROBLEMS]


def _place(broken: Break) -> tuple[bool, int]:
    return broken.seq is None, broken.seq or 0


@dataclass(slots=True)
class _Walk:
    checkpoint: Checkpoint | None
    faces: FaceSets | None
    events: int = 0
    last: Event | None = None
    found: Problems = field(default_factory=Problems)
    bare: dict[int, str] = field(default_factory=dict)
    receipted: set[int] = field(default_factory=set)
    older: dict[str, int] = field(default_factory=dict)
    state: LoggedState = field(default_factory=LoggedState)
    ended: dict[str, tuple[Event, list[str]]] = field(default_factory=dict)
    unlike: list[tuple[Event, list[str], list[str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state.files_up_to = self.faces.up_to if self.faces else None

    def see(self, logged: LoggedEvent, records: dict[RecordKey, dict[str, Any]]) -> None:
        """Check the next event, which follows the one before as that is stored."""
        self.events += 1
        self._check_chain(logged.event)
        self._check_time(logged.event)
        self.last = logged.event
        said = self._said(logged)
        if said is not None:
            self._look_up(logged, said, records)
            self._hear(logged.event, said)

    def see_results(self, snapshot: Snapshot) -> None:
        """Compare the results of the batches that ended since the last call."""
        held = snapshot.batch_results(self.ended) if self.ended else {}
        for batch_id, (event, results) in self.ended.items():
            if held.get(batch_id, results) != results:
                self.unlike.append((event, results, held[batch_id]))
        self.ended.clear()

    def hear_earlier(self, page: Iterable[LoggedEvent]) -> None:
        """Take in what events before the first one that is seen say of rows."""
        for logged in page:
            if logged.content is not None and not content_fault(logged.event, logged.salt, logged.content):
                self.state.hear(logged.event, _content(logged.content))

    def verdict(self, snapshot: Snapshot, *, whole: bool = True) -> Verdict:
        """Return what was found, having looked for what is missing, in all tables or in those of few rows."""
        missing = self.bare.keys() - self.receipted
        self.found.note_all(_missing_content(seq, self.bare[seq]) for seq in sorted(missing))
        self._check_end()
        if whole:
            self.found.note_all(self._unlogged(snapshot))
        self.found.note_all(self._differences(snapshot, whole=whole))
        self.found.note_all(snapshot.served_problems())
        problems, more = self.found.listed()
        return Verdict(self.events, len(self.bare), self.last, problems, more)

    def _check_chain(self, event: Event) -> None:
        fault = chain_fault(event, self.last)
        if fault:
            expected = self.last.seq + 1 if self.last else 1
            self.found.note(Break(min(event.seq, expected), event.subject, "chain", fault))
        elif self.checkpoint and event.seq == self.checkpoint.seq and event.sha256 != self.checkpoint.sha256:
            sentence = f"Event {event.seq} does not match the checkpoint: the log was rewritten."
            self.found.note(Break(event.seq, event.subject, "checkpoint", sentence))

    def _check_time(self, event: Event) -> None:
        if self.last is None or event.at >= self.last.at:
            return
        try:
            back = self.last.time - event.time
        except ValueError:  # no time: its hash does not fit
            return
        if back > CLOCK_TOLERANCE:
            early = f"{back.total_seconds():.1f} s before the event before it"
            sentence = f"Event {event.seq} is dated {event.at}, {early}."
            self.found.note(Break(event.seq, event.subject, "time_order", sentence))

    def _hear(self, event: Event, said: dict[str, Any]) -> None:
        self.state.hear(event, said)
        results = said.get("results")
        if event.kind == EventKind.BATCH and isinstance(results, list):
            self.ended[event.subject.partition(":")[2]] = event, results

    def _differences(self, snapshot: Snapshot, *, whole: bool) -> Iterator[Break]:
        for event, results, held in self.unlike:
            blanked = self.state.blanked.get(event.subject.partition(":")[2], set())
            yield from unlike_results(event, results, held, blanked)
        for table in WHOLE_TABLES if whole else TABLES_OF_FEW_ROWS:
            yield from self.state.differences(table, snapshot.rows(table), whole=True)
        for table in PARTIAL_TABLES:
            rows = snapshot.named_rows(table, self.state.keys(table))
            yield from self.state.differences(table, rows, whole=False)
        if self.faces is not None:
            lines = ((str(number), {"sha256": sha256}) for number, sha256 in enumerate(self.faces.sha256s, 1))
            yield from self.state.differences(FACE_CHANGES, lines, whole=True)
        if whole:
            for batch_id, position in snapshot.photos_unlike_records():
                yield unlike_record(batch_id, position)

    def _said(self, logged: LoggedEvent) -> dict[str, Any] | None:
        event = logged.event
        if logged.content is None:
            self.bare[event.seq] = event.subject
            return None
        fault = content_fault(event, logged.salt, logged.content)
        if fault:
            self.found.note(Break(event.seq, event.subject, "content", fault))
            return None
        return _content(logged.content)

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
            self.found.note(_missing_record(logged.event))
        elif names := (*differing(said, records[key]), *records[key].get("misderived", ())):
            self.found.note(_differing_record(logged.event, names))

    def _check_end(self) -> None:
        if self.checkpoint is None or self.events >= self.checkpoint.seq:
            return
        sentence = (
            f"The log ends with event {self.events}, before the checkpoint's event {self.checkpoint.seq}."
        )
        self.found.note(Break(self.checkpoint.seq, "", "checkpoint", sentence))

    def _unlogged(self, snapshot: Snapshot) -> Iterator[Break]:
        for subject in snapshot.unlogged(self.older.get("estimates", 0), self.older.get("decisions", 0)):
            sentence = f"The record {subject}, or a decision on it, has no event: it was not made by simsvc."
            yield Break(None, subject, "not_logged", sentence)


def _content(text: str) -> dict[str, Any]:
    said = json.loads(text)
    return said if isinstance(said, dict) else {}


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
