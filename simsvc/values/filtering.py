"""Filters for reference faces."""

from __future__ import annotations

from dataclasses import dataclass

from simsvc.values.faces import LabelledFace


@dataclass(frozen=True, slots=True)
class FaceFilter:
    """Data sets, and lowest and highest label (inclusive), that a search is limited to; None: no limit."""

    sources: frozenset[str] | None = None
    ages_years: tuple[float, float] | None = None

    def admits(self, face: LabelledFace) -> bool:
        """Return whether a face matches."""
        low, high = self.ages_years or (0.0, float("inf"))
        return (self.sources is None or face.source in self.sources) and low <= face.age_years <= high


EVERY_FACE = FaceFilter()
