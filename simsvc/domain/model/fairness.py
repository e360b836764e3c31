"""Accuracy of a model by age, group and gender, from its card or model.json."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

AGES, GROUPS, GENDERS = "age ", "group ", "gender "
"""How the names of parts begin."""
EVERYONE = "all"
_NAMES = {
    "mae_years": ("mae_years", "mae"),
    "bias_years": ("bias_years", "bias"),
    "cs5": ("cs5",),
    "coverage": ("coverage",),
}
"""Name of a figure to its names in the model card and in model.json."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value with its 95% interval; an end that was not measured is None."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class PartFigures:
    """What was measured on a part of the test faces.

    Attributes:
        part: "all", or for example "age 20-29", "group asian", "gender female".
        mae_years: mean absolute error.
        bias_years: mean error; positive is too old.
        cs5: share of estimates at most five years off.
        coverage: share of ages within their range.
    """

    part: str
    faces: int
    mae_years: Figure | None
    bias_years: Figure | None
    cs5: Figure | None
    coverage: Figure | None

    @property
    def name(self) -> str:
        """Return the part without its kind, ages with an en dash: "20\N{EN DASH}29", "asian", "female"."""
        return (self.part.partition(" ")[2] or self.part).replace("-", "\N{EN DASH}")


@dataclass(frozen=True, slots=True)
class Fairness:
    """All parts that were measured, all faces first, and on which faces."""

    measured_on: str
    parts: tuple[PartFigures, ...]

    @property
    def everyone(self) -> PartFigures | None:
        """Return the figures of all faces."""
        return next((part for part in self.parts if part.part == EVERYONE), None)

    def of(self, *kinds: str) -> tuple[PartFigures, ...]:
        """Return the parts of these kinds, such as `AGES`, in their order."""
        return tuple(part for kind in kinds for part in self.parts if part.part.startswith(kind))


def fairness(card: Mapping[str, Any] | None, document: Mapping[str, Any]) -> Fairness:
    """Return the figures of a model card, or of model.json where there is no card."""
    rows = (card or {}).get("quantitative_analysis", {}).get("performance_metrics")
    measured_on = "test part"
    if not rows:
        metrics = document.get("metrics") or {}
        rows, measured_on = metrics.get("tables", []), str(metrics.get("split", "nothing"))
    return Fairness(measured_on, tuple(_part(row) for row in rows))


def without_overlaps(parts: Sequence[PartFigures]) -> tuple[PartFigures, ...]:
    """Return parts of ages without those that sum up others, as "age 80+" does "age 80-89" and "age 90+"."""
    latest = max((_start(part) for part in parts), default=0)
    return tuple(part for part in parts if not part.name.endswith("+") or _start(part) == latest)


def _start(part: PartFigures) -> int:
    found = re.match(r"\d+", part.name)
    return int(found[0]) if found else 0


def _part(row: Mapping[str, Any]) -> PartFigures:
    figures = {name: _figure(row, known) for name, known in _NAMES.items()}
    return PartFigures(str(row.get("slice", row.get("part", ""))), int(row.get("faces", 0)), **figures)


def _figure(row: Mapping[str, Any], known: tuple[str, ...]) -> Figure | None:
    found = next((row[name] for name in known if row.get(name) is not None), None)
    if found is None:
        return None
    if not isinstance(found, Mapping):
        return Figure(found)
    return Figure(found["value"], found.get("low"), found.get("high"))
