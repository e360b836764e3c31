"""Filters for reference faces."""

from __future__ import annotations

from dataclasses import dataclass

from simsvc.values.faces import LabelledFace


@dataclass(frozen=True, slots=True)
class FaceFilter:
    """Limits of a search; None means no limit.

    Attributes:
        sources: names of data sets.
        ages_years: lowest and highest label, inclusive.
    """

    sources: frozenset[str] | None = None
    ages_years: tuple[float, float] | None = None

    def admits(self, face: LabelledFace) -> bool:
        """Return whether a face matches."""
        low, high = self.ages_years or (0.0, float("inf"))
        return (self.sources is None or face.source in self.sources) and low <= face.age_years <= high


EVERY_FACE = FaceFilter()
