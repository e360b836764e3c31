"""What the log keeps of a record: everything, so that a later change of the record is seen."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import date
from typing import Any

from simsvc.steps.chain import canonical
from simsvc.values import Decision, RecordedEstimate


def estimate_content(recorded: RecordedEstimate, crop_sha256: str | None) -> dict[str, Any]:
    """Return what the log keeps of an estimate, as JSON holds it.

    Args:
        recorded: the estimate; its own crop and photo are left out.
        crop_sha256: of the crop's PNG, or None where nothing was judged.
    """
    facts = asdict(replace(recorded.estimate, crop=None, photo=None))
    del facts["crop"], facts["photo"]
    return _plain(
        {"number": recorded.number, "created_at": recorded.created_at, "crop_sha256": crop_sha256, **facts}
    )


def decision_content(decision: Decision) -> dict[str, Any]:
    """Return what the log keeps of a decision, as JSON holds it."""
    facts = asdict(decision)
    return _plain({**facts.pop("draft"), **facts})


def _plain(facts: dict[str, Any]) -> dict[str, Any]:
    """Return facts as they come back from JSON: times as text, tuples as lists."""
    plain: dict[str, Any] = json.loads(canonical(_with_text(facts)))
    return plain


def _with_text(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: _text(value) for name, value in facts.items()}


def _text(value: Any) -> Any:
    if isinstance(value, date):  # of which a datetime is one
        return value.isoformat()
    return _with_text(value) if isinstance(value, dict) else value
