from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from simsvc.domain.desk.timeline import CASE_REPORT, seen_events, timeline
from simsvc.values import Decision, DecisionDraft, Estimate, RecordedEstimate
from simsvc.values.cases import TimelineEntry
from simsvc.values.events import Event, LoggedEvent

AT = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def record(number: int) -> RecordedEstimate:
    return RecordedEstimate(
        f"{number:032x}", number, AT, Estimate("x.jpg", "0" * 64, "estimated", age_years=40)
    )


def event(seq: int, kind: str, about: int, /, **said: object) -> LoggedEvent:
    place = (seq, f"2026-11-29T12:00:{seq:02d}.000000Z", kind, "user:1", f"estimate:{about:032x}")
    return LoggedEvent(Event(*place, "", "", f"{seq:064x}"), b"", json.dumps(said))


def told(*events: LoggedEvent, records: int = 2) -> list[TimelineEntry]:
    return list(timeline([record(number) for number in range(1, records + 1)], events, {}))


@pytest.mark.parametrize(
    ("logged", "words"),
    [
        (event(9, "decision", 1, kind="refer", number=1), "Sent for review"),
        (
            event(9, "decision", 1, kind="override", age_years=34, number=2),
            "Decided: not plausible, assessed age 34 (replaces decision 1)",
        ),
        (event(9, "decision", 1, kind="of a later version", number=1), "Event: of a later version"),
        (event(9, "replay", 1, agrees=False), "Replayed: the result differs"),
        (event(9, "referral", 1, what="answer"), "Referral answered"),
        (event(9, "of a later version", 1), "Event: of a later version"),
    ],
)
def test_each_event_has_its_words(logged: LoggedEvent, words: str) -> None:
    """Also one that a later version logs."""
    last = told(logged)[-1]
    assert (str(last.what), last.events, last.numbers) == (words, (9, 9), (1,))


def test_records_older_than_the_log_have_entries_without_events() -> None:
    """Each record is told once, with or without its event."""
    found = told(event(5, "estimate", 2))
    assert {entry.numbers: entry.events for entry in found} == {(1,): None, (2,): (5, 5)}


def test_the_exports_of_one_case_report_are_one_entry() -> None:
    """A second report of the same case is another one."""
    exports = [event(seq, "export", about, **CASE_REPORT) for seq, about in ((3, 1), (4, 2), (5, 1), (6, 2))]
    found = [entry for entry in told(*exports) if entry.events]
    assert [(entry.events, entry.numbers) for entry in found] == [((3, 4), (1, 2)), ((5, 6), (1, 2))]


def test_a_decision_that_the_reader_does_not_find_is_not_told() -> None:
    """Before a second opinion, the first one is hidden in the log, too; other events are not."""
    decisions = [event(seq, "decision", 1, kind="accept", number=seq - 1) for seq in (2, 3)]
    events, mine = [event(1, "estimate", 1), *decisions], Decision(2, DecisionDraft("accept"), "1", AT)
    assert [logged.event.seq for logged in seen_events(events, {record(1).id: (mine,)})] == [1, 3]
    assert [logged.event.seq for logged in seen_events(events, {})] == [1]
