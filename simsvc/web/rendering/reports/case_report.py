"""The report of a case, in the visitor's language."""

from __future__ import annotations

from flask_babel import gettext

from simsvc.values import Verdict
from simsvc.values.cases import CasePhoto, TimelineEntry
from simsvc.values.events import Event
from simsvc.web.i18n.language import at_utc, translated
from simsvc.web.rendering.case_view import CaseView
from simsvc.web.rendering.charts.age_plot import range_words
from simsvc.web.rendering.reports.report import Report, Row, ScaleWords, Section
from simsvc.web.rendering.reports.report_codes import printed_code
from simsvc.web.rendering.reports.sheet import (
    answer_rows,
    crop_of,
    decision_rows,
    filled,
    lead_of,
    report_faces,
    report_of,
    scale_of,
    scale_words,
    upload_row,
)

FACES = 4
"""Reference faces of each photo: the report of the record has all."""


def case_report(case: CaseView, printed: Event) -> Report:
    """Return the report of a case whose export was logged, ending with the event `printed`."""
    title = gettext("simsvc: case %(reference)s", reference=case.reference)
    sections = [_summary(case), *(_photo(photo, case) for photo in case.photos), _timeline(case)]
    return report_of(title, sections, str(printed_code(case.last_event, printed)), printed)


def _summary(case: CaseView) -> Section:
    summary = case.summary
    figure = summary.together or (summary.single.estimate if summary.single else None)
    age = "" if figure is None or figure.age_years is None else f"{figure.age_years:.0f}"
    words = "" if figure is None else translated(range_words(figure.interval_years, figure.coverage))
    rows: list[Row] = [
        (gettext("Verdict"), _verdict(summary.verdict)),
        (gettext("Combined estimate") if summary.together else gettext("Estimated age"), age),
        (gettext("Range"), words),
        (gettext("Date of the estimate"), summary.together.day.isoformat() if summary.together else ""),
        (
            gettext("Declared age"),
            "" if summary.declared_years is None else str(summary.declared_years),
        ),
        (gettext("Photos"), str(len(case.photos))),
        (
            gettext("Undecided"),
            ", ".join(_name(photo) for photo in case.undecided) or gettext("none"),
        ),
        (
            gettext("Dates that do not agree"),
            "\n".join(translated(found.sentence) for found in case.contradictions),
        ),
    ]
    return Section(gettext("Summary"), scale=_scale(case), rows=filled(rows))


def _scale(case: CaseView) -> ScaleWords | None:
    summary = case.summary
    if summary.together:
        return scale_of(summary.together.age_years, summary.together.interval_years, summary.declared_years)
    return scale_words(summary.single) if summary.single else None


def _photo(photo: CasePhoto, case: CaseView) -> Section:
    record = photo.record
    rows = [
        (gettext("Verdict"), _verdict(photo.verdict)),
        *(row for row in answer_rows(record) if row[0] != gettext("Case")),
        *decision_rows(photo.decisions, case.names),
        upload_row(photo.uploads),
        (gettext("Recorded"), at_utc(record.created_at)),
        (gettext("Requested by"), case.names.get(record.estimate.asked_by or "", "")),
        (gettext("Photo"), record.estimate.photo_name),
        (gettext("SHA-256 of the photo"), record.estimate.photo_sha256),
    ]
    return Section(
        heading=_name(photo),
        lead=lead_of(record),
        crop_png=crop_of(record),
        scale=scale_words(record),
        faces=report_faces(record, FACES),
        faces_heading=gettext("Most similar reference faces, with their known ages"),
        rows=filled(rows),
    )


def _timeline(case: CaseView) -> Section:
    rows = [(at_utc(entry.at), _happened(entry, case)) for entry in case.timeline]
    return Section(gettext("Timeline"), rows=rows)


def _happened(entry: TimelineEntry, case: CaseView) -> str:
    numbers = gettext("Record %(number)s", number=entry.numbers[0]) if len(entry.numbers) == 1 else ""
    who = case.names.get(entry.actor or "", "")
    event = "" if entry.events is None else gettext("event %(number)s", number=entry.events[1])
    said = f"{numbers}: {translated(entry.what)}" if numbers else translated(entry.what)
    return f"{said}\n{', '.join(part for part in (who, event) if part)}"


def _name(photo: CasePhoto) -> str:
    return str(gettext("Record %(number)s", number=photo.record.number))


def _verdict(found: Verdict | None) -> str:
    if found is None:
        return ""
    words = {
        "fits": gettext("Declared age fits"),
        "outside": gettext("Declared age is outside the range"),
        "cannot_tell": gettext("Cannot tell"),
    }
    return str(words[found])
