"""What the log keeps of a record: everything, so that a later change of the record is seen."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import date
from typing import Any

from simsvc.values import Decision, RecordedEstimate

_PIXELS = ("crop", "photo")


def estimate_content(recorded: RecordedEstimate, crop_sha256: str | None) -> dict[str, Any]:
    """Return what the log keeps of an estimate, as JSON holds it.

    Args:
        recorded: the estimate, as it is read back; its own crop and photo are left out.
        crop_sha256: of the crop's PNG, or None where nothing was judged.
    """
    return {
        "number": recorded.number,
        "created_at": recorded.created_at.isoformat(),
        "crop_sha256": crop_sha256,
        **_facts(recorded.estimate, but=_PIXELS),
    }


def decision_content(decision: Decision) -> dict[str, Any]:
    """Return what the log keeps of a decision, as JSON holds it."""
    facts = _facts(decision)
    return {**facts.pop("draft"), **facts}


def _facts(value: Any, but: tuple[str, ...] = ()) -> dict[str, Any]:
    return {part.name: _plain(getattr(value, part.name)) for part in fields(value) if part.name not in but}


def _plain(value: Any) -> Any:
    """Return a fact as it comes back from JSON: times as text, tuples as lists, values as tables."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, date):  # of which a datetime is one
        return value.isoformat()
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
    return _facts(value) if is_dataclass(value) else value
