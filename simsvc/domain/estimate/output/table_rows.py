"""Columns and rows of the table of `flask estimate --out`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from simsvc.values import Estimate

Kind = Literal["text", "number", "yes or no"]
Row = dict[str, str | float | bool | None]
Key = tuple[str, int, int]
"""Displayed name of a photo, size in bytes and modification time in ns."""

COLUMNS: Mapping[str, Kind] = {
    "photo": "text",
    "status": "text",
    "code": "text",
    "sentence": "text",
    "age_years": "number",
    "interval_low_years": "number",
    "interval_high_years": "number",
    "coverage": "number",
    "neighbours_age_years": "number",
    "support": "number",
    "flags": "text",
    "refer": "yes or no",
    "refer_reason": "text",
    "model": "text",
    "index": "text",
    "record": "text",
    "photo_sha256": "text",
}
"""Names as in the estimate object (`domain.estimate.serialize`), without its lists and tables."""


def result_row(photo: str, estimate: Estimate, record: str | None) -> Row:
    """Return the row of a photo, by its displayed path, with its record's public ID; rounded like the API."""
    low, high = estimate.interval_years or (None, None)
    evidence = estimate.evidence
    return {
        "photo": photo,
        "status": estimate.status,
        "code": estimate.code,
        "sentence": None if estimate.sentence is None else str(estimate.sentence),
        "age_years": _rounded(estimate.age_years, 2),
        "interval_low_years": _rounded(low, 2),
        "interval_high_years": _rounded(high, 2),
        "coverage": estimate.coverage,
        "neighbours_age_years": _rounded(evidence.neighbours_age_years if evidence else None, 2),
        "support": _rounded(estimate.support, 4),
        "flags": " ".join(estimate.flags),
        "refer": estimate.refer,
        "refer_reason": None if estimate.refer_reason is None else str(estimate.refer_reason),
        "model": estimate.model,
        "index": estimate.index,
        "record": record,
        "photo_sha256": estimate.photo_sha256 or None,
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
