"""Log content of a record: all fields, so that later changes of the record are detected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from simsvc.values import (
    LATER_FACTS,
    LATER_MEASURES,
    Decision,
    Estimate,
    Neighbour,
    Quality,
    RecordedEstimate,
)

_NEVER_READ_BACK = {"embedding": None}
_APART = frozenset({"crop", "photo", *_NEVER_READ_BACK})
_ABSENT_WHERE_NONE: Mapping[type[Any], frozenset[str]] = {
    Quality: LATER_MEASURES,
    Estimate: LATER_FACTS,
    Neighbour: frozenset({"estimated_age_years"}),
}
"""Fields added after the first records were logged."""
_AS_THEY_ARE = frozenset({str, int, float, bool, type(None)})


def estimate_content(recorded: RecordedEstimate, crop_sha256: str | None) -> dict[str, Any]:
    """Return the log content of an estimate, ready for JSON.

    Args:
        recorded: the estimate; its own crop, embedding and photo are left out.
        crop_sha256: of the crop's PNG, or None if the photo was refused.
    """
    return record_content(
        recorded.number, recorded.created_at, crop_sha256, estimate_facts(recorded.estimate)
    )


def record_content(
    number: int, created_at: datetime, crop_sha256: str | None, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the log content of an estimate with known facts."""
    return {
        "number": number,
        "created_at": created_at.isoformat(),
        "crop_sha256": crop_sha256,
        **facts,
    }


def estimate_facts(estimate: Estimate) -> dict[str, Any]:
    """Return the part that is known before the estimate is recorded."""
    return {**_facts(estimate, but=_APART), **_NEVER_READ_BACK}


def decision_content(decision: Decision) -> dict[str, Any]:
    """Return the log content of a decision, ready for JSON."""
    facts = _facts(decision)
    return {**facts.pop("draft"), **facts}


@cache
def _names(kind: type[Any], but: frozenset[str]) -> tuple[str, ...]:
    """Return the field names of a dataclass, cached because looking them up is slow."""
    return tuple(part.name for part in fields(kind) if part.name not in but)


def _facts(value: Any, but: frozenset[str] = frozenset()) -> dict[str, Any]:
    facts = {
        name: fact if type(fact := getattr(value, name)) in _AS_THEY_ARE else _plain(fact)
        for name in _names(type(value), but)  # type: ignore[arg-type]  # mypy takes a class for no Hashable
    }
    for name in _ABSENT_WHERE_NONE.get(type(value), ()):
        if facts[name] is None:
            del facts[name]
    return facts


def _plain(value: Any) -> Any:
    """Return a value as it would come back from JSON."""
    if isinstance(value, (str, int, float)) or value is None:
        return value
    if isinstance(value, date):  # of which a datetime is one
        return value.isoformat()
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
    return _facts(value) if is_dataclass(value) else value
