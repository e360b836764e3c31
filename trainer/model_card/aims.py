"""Something wanted of the model, and what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Aim:
    """Something wanted and what was measured."""

    what: str  # in words, with the unit
    value: float
    least: float | None = None
    most: float | None = None

    def as_row(self) -> dict[str, Any]:
        """Return the row of the card's table."""
        bounds = (("at least", self.least), ("at most", self.most))
        wanted = ", ".join(f"{words} {bound:g}" for words, bound in bounds if bound is not None)
        enough = self.least is None or self.value >= self.least
        met = enough and (self.most is None or self.value <= self.most)
        return {"aim": self.what, "wanted": wanted, "measured": self.value, "met": met}
