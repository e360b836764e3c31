"""Declared dates of a new photo against those of its case."""

from __future__ import annotations

from collections.abc import Mapping

from simsvc.domain.desk.case import declared_births
from simsvc.domain.desk.contradictions import DatedPhoto, contradictions_with, dated
from simsvc.errors import CaseNotFound, DatesUnconfirmed
from simsvc.values import Declaration, RecordedEstimate
from simsvc.web.http.current import services
from simsvc.web.http.form_problems import Problem, Problems

CONFIRMED = "confirmed"
"""Field of the upload form: somebody says that contradicting dates are right."""
FIELD_OF = {"births_differ": "born", "before_birth": "taken", "age_jumps": "taken"}


def carried_over(typed: Mapping[str, str]) -> dict[str, str]:
    """Return the form's fields with the birth date of the case, if it has exactly one and none is given."""
    fields = dict(typed.items())
    births = declared_births(_records(fields.get("case", "")))
    if len(births) == 1 and not fields.get("born"):
        fields["born"] = births[0].isoformat()
    return fields


def note_contradictions(problems: Problems, declared: Declaration) -> None:
    """Note where declared dates do not agree with those of the earlier photos of the case.

    Raises:
        StoreError: the database cannot be read.
    """
    if declared.case is None:
        return
    new = DatedPhoto(declared, services().now().date())
    found = contradictions_with([dated(record) for record in _records(declared.case)], new)
    if found:
        problems.note(DatesUnconfirmed(), CONFIRMED)
        problems.found += [Problem(one.sentence, (FIELD_OF[one.kind],)) for one in found]


def _records(case: str) -> tuple[RecordedEstimate, ...]:
    try:
        return services().estimates.of_case(case) if case else ()
    except CaseNotFound:
        return ()
