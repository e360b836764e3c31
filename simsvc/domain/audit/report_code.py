"""Verification codes of reports: two events of the log, each by number and the first digits of its hash."""

from __future__ import annotations

import re
from dataclasses import dataclass

from simsvc.errors import ReportCodeRefused
from simsvc.values.events import Event

HASH_DIGITS = 16
"""Hex digits of a hash in a code: 64 bits, so that a log made to match one code needs some 2^64 trials."""
_CODE = re.compile(rf"(\d{{1,9}})-([0-9a-f]{{{HASH_DIGITS}}})-(\d{{1,9}})-([0-9a-f]{{{HASH_DIGITS}}})")


@dataclass(frozen=True, slots=True)
class EventMark:
    """An event by its number and the first `HASH_DIGITS` hex digits of its hash."""

    seq: int
    prefix: str

    def marks(self, event: Event | None) -> bool:
        """Return whether an event is the marked one."""
        return event is not None and event.seq == self.seq and event.sha256.startswith(self.prefix)


@dataclass(frozen=True, slots=True)
class ReportCode:
    """The event that a report is about, and the last event of the log when it was printed.

    Because each event's hash covers all events before it, the second one also fixes everything that the log
    said at that time.
    """

    about: EventMark
    printed: EventMark

    def __str__(self) -> str:
        """Return the code as it is printed."""
        return f"{self.about.seq}-{self.about.prefix}-{self.printed.seq}-{self.printed.prefix}"


def report_code(about: Event, printed: Event) -> ReportCode:
    """Return the code of a report about an event, printed when the log ended with another."""
    return ReportCode(_mark(about), _mark(printed))


def parse_report_code(text: str) -> ReportCode:
    """Return the code in a text as it is typed or pasted: spaces, capitals and kinds of dash do not matter.

    Raises:
        ReportCodeRefused: it is not a code.
    """
    plain = re.sub(r"[\u2010-\u2015]", "-", "".join(text.split())).lower()
    found = _CODE.fullmatch(plain)
    if found is None:
        raise ReportCodeRefused("form")
    first, prefix, last, head = found.groups()
    return ReportCode(EventMark(int(first), prefix), EventMark(int(last), head))


def _mark(event: Event) -> EventMark:
    return EventMark(event.seq, event.sha256[:HASH_DIGITS])
