"""The log and what it is about, as both are at one instant: for verifying, listing and exporting."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, String, and_, cast, exists, func, literal, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, selectinload
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import LargeBinary

from simsvc.domain.audit.content import decision_content, estimate_content
from simsvc.domain.audit.state import Facts
from simsvc.store.audit.log_tiles import checkpoints_of, keys_of, newest_stored, tiles_of, tree_size
from simsvc.store.audit.state import (
    TABLES,
    UNREADABLE,
    batch_results,
    named_rows,
    photos_unlike_records,
)
from simsvc.store.derived import derived
from simsvc.store.records.estimates import recorded_of
from simsvc.store.reviews.decisions import decision_of
from simsvc.store.tables import CropRow, DecisionRow, EstimateRow, EventContentRow, EventRow
from simsvc.values import RecordedEstimate
from simsvc.values.audit.log import LogKey, StoredCheckpoint
from simsvc.values.events import (
    EVERY_EVENT,
    Break,
    Event,
    EventFilter,
    EventKind,
    FaceSets,
    LoggedEvent,
    RecordKey,
)

PAGE_EVENTS = 200
"""Read at a time with their records and crops: some 20 MB."""
MISDERIVED = "misderived"
"""Names, beside what the log would keep of a record, the columns that do not follow from the record."""
Narrowed = Callable[[Select[Any]], Select[Any]]
"""Adds conditions, an order and a limit to a selection of events."""
_TEXTS = ("at", "kind", "actor", "subject", "content_sha256", "previous_sha256", "sha256")


class LogSnapshot:
    """Reads events in order, and the records that they are about."""

    def __init__(
        self,
        session: Session,
        face_sets: Callable[[], FaceSets | None] = lambda: None,
        served_problems: Callable[[], Sequence[Break]] = tuple,
    ) -> None:
        self._session = session
        self.face_sets = face_sets
        self.served_problems = served_problems
        self._sqlite = session.get_bind().dialect.name == "sqlite"

    def count(self) -> int:
        """Count the events."""
        return self._session.scalar(select(func.count(EventRow.seq))) or 0

    def pages(self, after: int | None = None) -> Iterator[list[LoggedEvent]]:
        """Give every event, or those after a number, oldest first, as it is stored, whatever is stored."""
        while page := self.after(after):
            yield page
            after = page[-1].event.seq

    def after(
        self, seq: int | None, count: int = PAGE_EVENTS, wanted: EventFilter = EVERY_EVENT
    ) -> list[LoggedEvent]:
        """Return up to `count` wanted events with a higher number, or from the first one on."""
        conditions = _conditions(wanted)
        if seq is not None:
            conditions.append(EventRow.seq > seq)
        return self._read(lambda query: query.where(*conditions).order_by(EventRow.seq).limit(count))

    def of_kinds(self, kinds: Iterable[EventKind], up_to: int) -> Iterator[list[LoggedEvent]]:
        """Give the events of these kinds up to a number, oldest first."""
        which = EventRow.kind.in_([str(kind) for kind in kinds]) & (EventRow.seq <= up_to)
        after = -1
        while page := self._page_of(which, after):
            yield page
            after = page[-1].event.seq

    def _page_of(self, which: ColumnElement[bool], after: int) -> list[LoggedEvent]:
        wanted = which & (EventRow.seq > after)
        return self._read(lambda query: query.where(wanted).order_by(EventRow.seq).limit(PAGE_EVENTS))

    def newest(self, wanted: EventFilter, count: int, skipped: int = 0) -> list[LoggedEvent]:
        """Return up to `count` wanted events, newest first, after `skipped` others."""
        return self.newest_of(_conditions(wanted), count, skipped)

    def newest_of(
        self, which: Iterable[ColumnElement[bool]], count: int, skipped: int = 0
    ) -> list[LoggedEvent]:
        """Return up to `count` events that meet all conditions, newest first, after `skipped` others."""
        conditions = tuple(which)
        return self._read(
            lambda query: query.where(*conditions).order_by(EventRow.seq.desc()).limit(count).offset(skipped),
            descending=True,
        )

    def at(self, seqs: Iterable[int]) -> dict[int, LoggedEvent]:
        """Return the events with these numbers."""
        found = self.matching(EventRow.seq.in_(set(seqs)))
        return {logged.event.seq: logged for logged in found}

    def last(self) -> Event | None:
        """Return the last event."""
        newest = select(func.max(EventRow.seq)).scalar_subquery()
        return next((logged.event for logged in self.matching(EventRow.seq == newest)), None)

    def tree_size(self) -> int:
        """Return how many events the tree holds."""
        return tree_size(self._session.connection())

    def tile(self, level: int, number: int) -> bytes:
        """Return the hashes of a tile of the tree; none if it is missing."""
        return tiles_of(self._session.connection())(level, number)

    def newest_checkpoint(self) -> StoredCheckpoint | None:
        """Return the checkpoint of the largest size, as it is stored."""
        return newest_stored(self._session)

    def checkpoints(self, from_size: int = 0) -> Iterator[StoredCheckpoint]:
        """Yield the checkpoints from a size on, smallest first, as they are stored."""
        return checkpoints_of(self._session, from_size)

    def log_keys(self) -> tuple[LogKey, ...]:
        """Return the public keys that the database names, oldest first."""
        return keys_of(self._session)

    def matching(self, which: ColumnElement[bool]) -> list[LoggedEvent]:
        """Return the events that meet a condition, oldest first."""
        return self._read(lambda query: query.where(which).order_by(EventRow.seq))

    def records(self, keys: Iterable[RecordKey]) -> dict[RecordKey, dict[str, Any]]:
        """Return what the log would keep of these records today; those that are gone are left out.

        `MISDERIVED` names columns for searching, such as the verdict, that do not follow from their record.
        Of a record that cannot even be read, because simsvc stores no such value, nothing is kept.
        """
        wanted = sorted({key.estimate_id for key in keys})
        try:
            return self._records(wanted)
        except UNREADABLE:
            found: dict[RecordKey, dict[str, Any]] = {}
            for estimate_id in wanted:
                found.update(self._record_or_nothing(estimate_id))
            return found

    def _record_or_nothing(self, estimate_id: str) -> dict[RecordKey, dict[str, Any]]:
        try:
            return self._records([estimate_id])
        except UNREADABLE:
            numbers = self._session.scalars(
                select(DecisionRow.number)
                .join(EstimateRow, EstimateRow.sequence == DecisionRow.estimate)
                .where(EstimateRow.public_id == estimate_id)
            )
            return {RecordKey(estimate_id, number): {} for number in (0, *numbers)}

    def _records(self, wanted: list[str]) -> dict[RecordKey, dict[str, Any]]:
        query = select(EstimateRow).where(EstimateRow.public_id.in_(wanted))
        rows = self._session.scalars(query.options(selectinload(EstimateRow.neighbours))).all()
        crops, decided = self._crops([row.sequence for row in rows]), self._decisions(wanted)
        current = {key.estimate_id: decided[key] for key in sorted(decided, key=lambda key: key.decision)}
        found: dict[RecordKey, dict[str, Any]] = {}
        for row in rows:
            recorded = recorded_of(row)
            content = estimate_content(recorded, crops.get(row.sequence))
            wrong = _misderived(row, recorded, current.get(row.public_id, {}))
            found[RecordKey(row.public_id)] = content | ({MISDERIVED: wrong} if wrong else {})
        return {**found, **decided}

    def unlogged(self, estimates_up_to: int, decisions_up_to: int) -> Iterator[str]:
        """Give the subjects of records, newer than these numbers, that no event is about."""
        query = select(EstimateRow.public_id).where(
            EstimateRow.sequence > estimates_up_to, ~_logged_as(EventKind.ESTIMATE)
        )
        for queried in (query.order_by(EstimateRow.sequence), self._more_decided(decisions_up_to)):
            for found in self._session.scalars(queried):
                yield f"estimate:{found}"

    def _more_decided(self, decisions_up_to: int) -> Select[str]:
        """Select estimates that have more decisions than events of decisions."""
        events = select(func.count(EventRow.seq)).where(_about(EventKind.DECISION)).correlate(EstimateRow)
        return (
            select(EstimateRow.public_id)
            .join(DecisionRow, DecisionRow.estimate == EstimateRow.sequence)
            .where(DecisionRow.sequence > decisions_up_to)
            .group_by(EstimateRow.sequence, EstimateRow.public_id)
            .having(func.count(DecisionRow.sequence) > events.scalar_subquery())
            .order_by(EstimateRow.sequence)
        )

    def rows(self, table: str) -> Iterator[tuple[str, Facts]]:
        """Give every row of one of `domain.audit.state.WHOLE_TABLES`: its key, and its facts as of now."""
        return TABLES[table].rows(self._session)

    def named_rows(self, table: str, keys: Iterable[str]) -> Iterator[tuple[str, Facts]]:
        """Give those rows of one of `domain.audit.state.PARTIAL_TABLES` likewise."""
        return named_rows(self._session, table, keys)

    def batch_results(self, batch_ids: Iterable[str]) -> dict[str, list[str]]:
        """Return what became of the photos of batches, by position; without a batch that does not exist."""
        return batch_results(self._session, batch_ids)

    def photos_unlike_records(self) -> Iterator[tuple[str, int]]:
        """Give batch and position of each photo of a batch that says something else than its record."""
        return photos_unlike_records(self._session)

    def _read(self, narrowed: Narrowed, *, descending: bool = False) -> list[LoggedEvent]:
        """Return events; SQLite's text as bytes where it holds text that is no Unicode."""
        try:
            rows = self._session.execute(_with_contents(narrowed, descending=descending)).all()
        except OperationalError:
            if not self._sqlite:
                raise
            raw = _with_contents(narrowed, lambda column: cast(column, LargeBinary), descending=descending)
            rows = self._session.execute(raw).all()
        return [_logged(*row) for row in rows]

    def _crops(self, sequences: list[int]) -> dict[int, str]:
        rows = self._session.execute(
            select(CropRow.estimate, CropRow.png).where(CropRow.estimate.in_(sequences))
        )
        return {row.estimate: hashlib.sha256(row.png).hexdigest() for row in rows}

    def _decisions(self, estimate_ids: list[str]) -> dict[RecordKey, dict[str, Any]]:
        query: Any = select(EstimateRow.public_id, DecisionRow)  # Select[Any] holds no pair for mypy
        rows = self._session.execute(
            query.join(DecisionRow, DecisionRow.estimate == EstimateRow.sequence).where(
                EstimateRow.public_id.in_(estimate_ids)
            )
        )
        return {RecordKey(found, row.number): decision_content(decision_of(row)) for found, row in rows}


def _misderived(row: EstimateRow, recorded: RecordedEstimate, decision: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns that should follow from a record and its current decision, but do not."""
    decided_at = row.decided_at.isoformat() if row.decided_at else None
    held = {
        "outcome": row.outcome,
        "verdict": row.verdict,
        "decision": row.decision,
        "decided_at": decided_at,
    }
    due = {"decision": decision.get("kind"), "decided_at": decision.get("created_at")}
    due |= derived(recorded.estimate, recorded.created_at)
    return tuple(name for name, value in held.items() if value != due[name])


def _with_contents(
    narrowed: Narrowed, raw: Callable[[Any], Any] = lambda column: column, *, descending: bool = False
) -> Select[Any]:
    """Select the events wanted first, then their contents.

    PostgreSQL would join all contents with all events otherwise, from the first one on, for each page.
    """
    texts = (raw(getattr(EventRow, name)).label(name) for name in _TEXTS)
    events = narrowed(select(EventRow.seq, *texts)).subquery()
    joined = select(*events.c, raw(EventContentRow.salt), raw(EventContentRow.content)).select_from(events)
    joined = joined.outerjoin(EventContentRow, EventContentRow.seq == events.c.seq)
    return joined.order_by(events.c.seq.desc() if descending else events.c.seq)


def _conditions(wanted: EventFilter) -> list[ColumnElement[bool]]:
    """Return the conditions of a filter; times are text that sorts like the instants it says."""
    next_day = wanted.until + timedelta(days=1) if wanted.until else None
    found: list[tuple[bool, ColumnElement[bool]]] = [
        (bool(wanted.kind), EventRow.kind == wanted.kind),
        (bool(wanted.actor), EventRow.actor == wanted.actor),
        (wanted.subjects is not None, EventRow.subject.in_(wanted.subjects or ())),
        (wanted.since is not None, EventRow.at >= str(wanted.since)),
        (next_day is not None, EventRow.at < str(next_day)),
        (bool(wanted.without), EventRow.kind.not_in(wanted.without)),
    ]
    return [condition for asked, condition in found if asked]


def _about(kind: EventKind) -> ColumnElement[bool]:
    subject = literal("estimate:", String).concat(EstimateRow.public_id)
    return and_(EventRow.subject == subject, EventRow.kind == str(kind))


def _logged_as(kind: EventKind) -> ColumnElement[bool]:
    return exists(select(EventRow.seq).where(_about(kind)).correlate(EstimateRow))


def _logged(seq: int, *stored: Any) -> LoggedEvent:
    *texts, salt, content = stored
    if not _ALL_TEXT.issuperset(map(type, texts)):
        texts = [_text(value) for value in texts]
    if not isinstance(salt, bytes):
        salt = _text(salt).encode("utf-8", "surrogateescape") if salt else b""
    return LoggedEvent(Event(seq, *texts), salt, None if content is None else _text(content))


_ALL_TEXT = frozenset({str})


def _text(value: object) -> str:
    """Return text as it is, bytes that are no Unicode as text that no event can have, and others as text."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
