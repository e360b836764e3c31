"""/reports and /verify: reports to file, and checking them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from typing import IO

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from simsvc.domain.audit.report_code import parse_report_code
from simsvc.domain.desk.timeline import CASE_REPORT
from simsvc.errors import EstimateNotFound, ReportCodeRefused
from simsvc.flows.audit.verify_report import ReportCheck, check_report
from simsvc.values import RecordedEstimate
from simsvc.web.http.current import note_exports, services
from simsvc.web.http.form_problems import Problems
from simsvc.web.rendering.case_view import actor_names, case_view
from simsvc.web.rendering.reports.case_report import case_report
from simsvc.web.rendering.reports.report import Report

blueprint = Blueprint("reports", __name__)

IN_MEMORY_BYTES = 4_000_000
"""Reports larger than this wait on the disk while they are sent."""
PIECE_BYTES = 1 << 16
CODE_CHARACTERS = 120


@blueprint.get("/reports/cases/<path:reference>")
def case(reference: str) -> ResponseReturnValue:
    """Return the report of a case as a PDF file."""
    found = case_view(reference)
    events = note_exports([f"estimate:{photo.record.id}" for photo in found.photos], **CASE_REPORT)
    number = found.photos[0].record.number
    return pdf_response(lambda: case_report(found, events[-1]), f"case-of-record-{number}.pdf")


@blueprint.get("/verify")
def verify() -> ResponseReturnValue:
    """Check the verification code of a report, and show its record for comparison."""
    text, problems = request.args.get("code", "")[:CODE_CHARACTERS], Problems()
    check: ReportCheck | None = None
    if text.strip():
        with problems.noting(ReportCodeRefused, "code"), services().log.snapshot() as snapshot:
            check = check_report(parse_report_code(text), snapshot)
    recorded = _record_of(check)
    names = actor_names([check.printed.actor]) if check and check.printed else {}
    shown = render_template(
        "verify.html",
        code=text,
        check=check,
        recorded=recorded,
        decisions=services().decisions.of(recorded.id) if recorded else (),
        names=names,
        problems=problems.found,
    )
    return shown, problems.status


def pdf_response(report: Callable[[], Report], name: str) -> Response:
    """Return a report as a download that is streamed."""
    from simsvc.web.rendering.reports.pdf_report import write_pdf  # noqa: PLC0415 - ReportLab is large and rarely needed

    file = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115 - closed when the response is
    write_pdf(report(), file)
    file.seek(0)
    response = Response(_pieces(file), mimetype="application/pdf")
    response.call_on_close(file.close)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece


def _record_of(check: ReportCheck | None) -> RecordedEstimate | None:
    """Return the record that a report is about; None if it was erased, or is not for this reader."""
    if check is None or check.about is None or not check.about.subject.startswith("estimate:"):
        return None
    try:
        return services().estimates.find(check.about.subject.removeprefix("estimate:"))
    except EstimateNotFound:
        return None
