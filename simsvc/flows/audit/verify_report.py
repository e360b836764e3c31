"""Check the verification code of a report against the log."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from simsvc.domain.audit.chain import content_fault, differing, event_sha256
from simsvc.domain.audit.report_code import EventMark, ReportCode
from simsvc.values.events import Event, EventKind, LoggedEvent, RecordKey

Outcome = Literal["genuine", "unknown", "altered"]


class EventsByNumber(Protocol):
    """The log and its records at one instant."""

    def at(self, seqs: Iterable[int]) -> dict[int, LoggedEvent]:
        """Return the events with these numbers."""

    def records(self, keys: Iterable[RecordKey]) -> dict[RecordKey, dict[str, Any]]:
        """Return the current log content of records."""


@dataclass(frozen=True, slots=True)
class ReportCheck:
    """The result of checking a code.

    Attributes:
        outcome: "genuine": the log has exactly these events, and the record is as it was logged; "unknown":
            it does not have them; "altered": an event or the record was changed after it was logged.
        about: the event that the report is about; None if unknown.
        printed: the last event of the log when the report was printed; None if unknown.
        erased: whether the content of the first was erased, so that the record can no longer be compared.
    """

    outcome: Outcome
    about: Event | None = None
    printed: Event | None = None
    erased: bool = False


def check_report(code: ReportCode, snapshot: EventsByNumber) -> ReportCheck:
    """Check whether the log has the events of a code, unchanged."""
    found = snapshot.at([code.about.seq, code.printed.seq])
    about, printed = _marked(code.about, found), _marked(code.printed, found)
    if about is None or printed is None or code.about.seq > code.printed.seq:
        return ReportCheck("unknown")
    fits = _is_whole(about) and _is_whole(printed) and not _record_changed(about, snapshot)
    outcome: Outcome = "genuine" if fits else "altered"
    return ReportCheck(outcome, about.event, printed.event, about.content is None)


def _marked(mark: EventMark, found: dict[int, LoggedEvent]) -> LoggedEvent | None:
    logged = found.get(mark.seq)
    return logged if logged is not None and mark.marks(logged.event) else None


def _is_whole(logged: LoggedEvent) -> bool:
    try:
        whole = event_sha256(logged.event) == logged.event.sha256
    except ValueError:
        return False
    return whole and (logged.content is None or not content_fault(logged.event, logged.salt, logged.content))


def _record_changed(logged: LoggedEvent, snapshot: EventsByNumber) -> bool:
    """Return whether the record of an estimate's event differs from what the event says, or is gone."""
    event = logged.event
    if event.kind != EventKind.ESTIMATE or logged.content is None:
        return False
    key = RecordKey(event.subject.removeprefix("estimate:"))
    now = snapshot.records([key]).get(key)
    return now is None or bool(differing(json.loads(logged.content), now))
