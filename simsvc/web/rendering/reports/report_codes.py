"""Verification codes of reports, from the log."""

from __future__ import annotations

from simsvc.domain.audit.report_code import ReportCode, report_code
from simsvc.values.events import Event, LoggedEvent
from simsvc.web.http.current import services


def printed_code(about: LoggedEvent | None, printed: Event) -> ReportCode:
    """Return the code of a report whose making was just logged; records older than the log have no event."""
    return report_code(printed if about is None else about.event, printed)


def page_code(about: LoggedEvent | None) -> ReportCode | None:
    """Return the code of a page as the log is now; None for records older than the log."""
    if about is None:
        return None
    with services().log.snapshot() as snapshot:
        last = snapshot.last()
    return report_code(about.event, last or about.event)
