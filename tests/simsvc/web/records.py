"""Records put into the database at once, for tests of who sees and does what, not of estimating."""

from __future__ import annotations

from dataclasses import replace

from flask import Flask

from simsvc.values import Declaration, User
from tests.simsvc.store.helpers import ESTIMATED


def recorded(app: Flask, by: User | str, case: str | None = None) -> str:
    """Record an estimate requested by an account, or by "token:<id>"; return its public id."""
    asked_by = by.id if isinstance(by, User) else by
    label = app.extensions["simsvc"].current_build()
    estimate = replace(
        ESTIMATED,
        asked_by=asked_by,
        declared=Declaration(case),
        index=label,
        refer_reason=None,
        sentence=None,
    )
    return str(app.extensions["simsvc"].estimates.record(estimate).id)
