"""The results of a batch as CSV, with the columns of its page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from simsvc.domain.desk.contents import LEFT_OUT
from simsvc.domain.estimate.doubt import expected_error_years
from simsvc.domain.files.spreadsheet import csv_line
from simsvc.store.desk.batch_triage import TriageRow
from simsvc.values import BatchNotes
from simsvc.web.rendering.history_csv import MARK

COLUMNS = (
    *("position", "file", "case", "status", "age_years", "code", "sentence", "record", "birth_date"),
    *("photo_date", "declared_age_years", "low_years", "high_years", "verdict", "expected_error_years"),
    *("flags", "unreliable", "decision", "decided_age_years", "reason", "note", "decided_by"),
)


def results_csv(rows: Iterable[TriageRow], notes: BatchNotes, names: Mapping[str, str]) -> Iterator[str]:
    """Yield the header, a line for each photo, one for each listed skipped file, and one for the rest."""
    yield MARK + csv_line(COLUMNS)
    for row in rows:
        yield _line({**_photo_cells(row), **_estimate_cells(row), **_decision_cells(row, names)})
    for left in notes.left_out:
        sentence = f"Left out: {LEFT_OUT[left.why]}."
        yield _line({"file": left.name, "status": "left_out", "code": left.why, "sentence": sentence})
    if more := notes.left_out_count - len(notes.left_out):
        yield _line({"status": "left_out", "sentence": f"{more} more files were left out."})


def _line(cells: Mapping[str, object]) -> str:
    return csv_line(cells.get(column) for column in COLUMNS)


def _photo_cells(row: TriageRow) -> dict[str, object]:
    photo = row.photo
    return {
        "position": photo.position + 1,
        "file": photo.name,
        "case": photo.case_reference,
        "status": photo.status,
        "code": photo.code,
        "sentence": photo.sentence,
        "record": photo.estimate_id,
        "birth_date": photo.birth_date,
        "photo_date": photo.photo_date,
        "age_years": _figure(photo.age_years),
    }


def _estimate_cells(row: TriageRow) -> dict[str, object]:
    if row.recorded is None:
        return {}
    answer = row.recorded.estimate
    low, high = answer.interval_years or (None, None)
    return {
        "declared_age_years": row.declared_years,
        "low_years": _figure(low),
        "high_years": _figure(high),
        "verdict": row.verdict,
        "expected_error_years": None if answer.doubt is None else _figure(expected_error_years(answer.doubt)),
        "flags": " ".join(answer.flags),
        "unreliable": answer.refer_reason,
    }


def _decision_cells(row: TriageRow, names: Mapping[str, str]) -> dict[str, object]:
    if row.decision is None:
        return {}
    made, draft = row.decision, row.decision.draft
    return {
        "decision": draft.kind,
        "decided_age_years": draft.age_years,
        "reason": draft.reason,
        "note": draft.note,
        "decided_by": names.get(made.decided_by, made.decided_by),
    }


def _figure(years: float | None) -> str | None:
    return None if years is None else f"{years:.2f}"
