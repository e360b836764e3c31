"""Records put into the database at once, for tests of who sees and does what, not of estimating."""

from __future__ import annotations

from dataclasses import replace
from secrets import token_hex

from flask import Flask

from simsvc.values import Declaration, User
from tests.simsvc.store.helpers import ESTIMATED


def recorded(app: Flask, by: User | str, case: str | None = None, photo_sha256: str = "") -> str:
    """Record an estimate requested by an account, or by "token:<id>"; return its public id.

    It is of a photo of its own unless `photo_sha256` says of which.
    """
    asked_by = by.id if isinstance(by, User) else by
    label = app.extensions["simsvc"].current_build()
    estimate = replace(
        ESTIMATED,
        asked_by=asked_by,
        photo_sha256=photo_sha256 or token_hex(32),
        declared=Declaration(case),
        index=label,
        refer_reason=None,
        sentence=None,
    )
    return str(app.extensions["simsvc"].estimates.record(estimate).id)
