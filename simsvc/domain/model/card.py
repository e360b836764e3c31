"""Layout of a model card, or of model.json without one: paragraphs, pairs, lists and tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

UNSHOWN = {"format", "image", "graphics", "schema_version"}
"""Keys that are not shown: layout numbers and embedded pictures."""
SPELLED = {
    "mae": "MAE",
    "rmse": "RMSE",
    "cs5": "CS@5",
    "sha256": "SHA-256",
    "px": "px",
    "lr": "learning rates",
    "ema": "EMA",
    "fairface": "FairFace",
    "utkface": "UTKFace",
}
UNITS = {"years", "px", "seconds", "deg", "ms"}
"""Units at the end of keys, shown after a comma."""


@dataclass(frozen=True, slots=True)
class Words:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of short texts."""

    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Names and values."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table with column names and rows."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A titled section with blocks and subsections."""

    title: str
    blocks: tuple[Words | Bullets | Pairs | Grid, ...] = ()
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelPage:
    """Content of the model page: plots by name have captions; parts may state the terms of the data."""

    version: str
    sha256: str
    has_card: bool
    parts: tuple[Part, ...]
    plots: Mapping[str, str]
    sources: tuple[str, ...] = ()
    states_terms: bool = False
    engine: str = ""
    age_prior: str = ""


def card_parts(card: Mapping[str, Any]) -> tuple[Part, ...]:
    """Lay out a model card, one part per section."""
    return tuple(part(title(key), value) for key, value in card.items() if key not in UNSHOWN and value)


def model_parts(raw: Mapping[str, Any], version: str, sha256: str) -> tuple[Part, ...]:
    """Lay out model.json for a model without a card."""
    about = {
        "name": raw.get("name"),
        "version": version,
        "sha256": sha256,
        "crop_side_px": raw.get("input", {}).get("size_px"),
        "embedding": f"{raw.get('dims')} numbers, of {raw.get('layer')}",
    }
    found = {
        "Model": {**about, **raw.get("arch", {})},
        "Training": raw.get("training"),
        "Recipe": raw.get("recipe"),
        "Figures": raw.get("metrics"),
        "Calibration": raw.get("calibration"),
        "Quality thresholds": raw.get("quality"),
        "Referred to a person": raw.get("withhold"),
        "Terms of the data": raw.get("terms"),
    }
    return tuple(part(name, value) for name, value in found.items() if value)


def part(name: str, value: Any) -> Part:
    """Lay out one JSON value under a title: plain values first, then subsections."""
    if not isinstance(value, Mapping):
        return Part(name, tuple(_blocks(value)))
    shown = {
        key: entry for key, entry in value.items() if key not in UNSHOWN and entry not in (None, "", [], {})
    }
    plain = {key: entry for key, entry in shown.items() if _is_cell(entry)}
    pairs = (Pairs(tuple((title(key), cell(entry)) for key, entry in plain.items())),) if plain else ()
    return Part(name, pairs, tuple(part(title(key), shown[key]) for key in shown if key not in plain))


def title(key: str) -> str:
    """Format a JSON key for people: "mean_age_years" becomes "Mean age, years"."""
    words = key.replace("_", " ").split()
    unit = f", {words.pop()}" if len(words) > 1 and words[-1] in UNITS else ""
    text = " ".join(SPELLED.get(word, word) for word in words)
    return text[:1].upper() + text[1:] + unit


def cell(value: Any) -> str:
    """Format a value: figures to three places, measured ones with their range."""
    if isinstance(value, Mapping):
        spread = (
            f" ({cell(value['low'])} to {cell(value['high'])})" if "low" in value and "high" in value else ""
        )
        return cell(value["value"]) + spread
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(cell(entry) for entry in value)
    return "" if value is None else re.sub(r"\s+", " ", str(value)).strip()


def _blocks(value: Any) -> list[Words | Bullets | Pairs | Grid]:
    if isinstance(value, str) or _is_scalar(value):
        return [Words(cell(value))]
    if all(isinstance(entry, Mapping) and set(entry) <= {"description", "name"} for entry in value):
        return [Bullets(tuple(": ".join(cell(text) for text in entry.values()) for entry in value))]
    if all(isinstance(entry, Mapping) for entry in value):
        return [_grid(value)]
    return [Bullets(tuple(cell(entry) if _is_cell(entry) else str(entry) for entry in value))]


def _grid(rows: Sequence[Mapping[str, Any]]) -> Grid:
    keys = [key for key in dict.fromkeys(key for row in rows for key in row) if key not in UNSHOWN]
    return Grid(
        tuple(title(key) for key in keys), tuple(tuple(_nested(row.get(key)) for key in keys) for row in rows)
    )


def _nested(value: Any) -> str:
    if value is None or _is_cell(value):
        return cell(value)
    if isinstance(value, Mapping):
        return "; ".join(
            f"{title(key)}: {_nested(entry)}" for key, entry in value.items() if key not in UNSHOWN
        )
    return "; ".join(_nested(entry) for entry in value)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (bool, int, float, str))


def _is_cell(value: Any) -> bool:
    """Return whether a value fits one cell: a scalar, a measured value with its range, a few words."""
    if isinstance(value, Mapping):
        return "value" in value and set(value) <= {"value", "low", "high"}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return 0 < len(value) <= 6 and all(_is_scalar(entry) and len(str(entry)) <= 24 for entry in value)
    return _is_scalar(value)
