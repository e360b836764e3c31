"""Log content of a record: all fields, so that later changes of the record are detected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from typing import Any

from simsvc.messages import Message
from simsvc.values import (
    LATER_FACTS,
    LATER_MEASURES,
    Decision,
    Estimate,
    Neighbour,
    Quality,
    RecordedEstimate,
)

OMITTED_FIELDS = frozenset({"crop", "photo", "embedding"})
"""Fields that an estimate lacks when it is read back; the log has always said `"embedding": null`."""
_ABSENT_WHERE_NONE: Mapping[type[Any], frozenset[str]] = {
    Quality: LATER_MEASURES,
    Estimate: LATER_FACTS,
    Neighbour: frozenset({"estimated_age_years"}),
}
"""Fields that were added since the first records were logged, so that the log of those still fits."""
JSON_SAFE_TYPES = (str, int, float, type(None))


def estimate_content(recorded: RecordedEstimate, crop_sha256: str | None) -> dict[str, Any]:
    """Return the log content of an estimate, ready for JSON, with the SHA-256 of its crop's PNG, if any."""
    facts = estimate_facts(recorded.estimate)
    return record_content(recorded.number, recorded.created_at, crop_sha256, facts)


def record_content(
    number: int, created_at: datetime, crop_sha256: str | None, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the log content of an estimate with known facts."""
    return {"number": number, "created_at": created_at.isoformat(), "crop_sha256": crop_sha256, **facts}


def estimate_facts(estimate: Estimate) -> dict[str, Any]:
    """Return the part of an estimate that is known before it is recorded."""
    return {**_facts(estimate, but=OMITTED_FIELDS), "embedding": None}


def decision_content(decision: Decision) -> dict[str, Any]:
    """Return the log content of a decision, ready for JSON."""
    facts = _facts(decision)
    return {**facts.pop("draft"), **facts}


def _facts(value: Any, but: frozenset[str] = frozenset()) -> dict[str, Any]:
    facts = {part.name: _plain(getattr(value, part.name)) for part in fields(value) if part.name not in but}
    later = _ABSENT_WHERE_NONE.get(type(value), frozenset())
    return {name: fact for name, fact in facts.items() if fact is not None or name not in later}


def _plain(value: Any) -> Any:
    if isinstance(value, JSON_SAFE_TYPES):
        return value
    if isinstance(value, date):  # of which a datetime is one
        return value.isoformat()
    if isinstance(value, Message):
        return str(value)
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
    return _facts(value) if is_dataclass(value) else value
