"""What is derived from a record and stored with it, so that records can be searched and counted by it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from simsvc.domain.desk.declared import declared_age
from simsvc.domain.desk.verdict import verdict
from simsvc.values import Estimate

Outcome = Literal["estimated", "withheld", "refused"]
OUTCOMES: tuple[Outcome, ...] = ("estimated", "withheld", "refused")
"""A reliable estimate; an unreliable one; no result."""


def derived(estimate: Estimate, created_at: datetime) -> dict[str, str | None]:
    """Return the columns of a new record, in UTC, that follow from its others.

    Verifying the log derives them again: whoever changes a rule migrates the records of before.
    """
    declared_years = declared_age(estimate.declared, created_at.date())
    return {"outcome": outcome(estimate), "verdict": verdict(declared_years, estimate)}


def outcome(estimate: Estimate) -> Outcome:
    """Return what became of a photo."""
    if estimate.status == "refused":
        return "refused"
    return "withheld" if estimate.refer else "estimated"
