"""Which labelled faces an answer may have."""

from __future__ import annotations

from dataclasses import dataclass

from simsvc.values.faces import LabelledFace


@dataclass(frozen=True, slots=True)
class FaceFilter:
    """What a search is limited to; None limits nothing.

    Attributes:
        sources: names of data sets.
        ages_years: youngest and oldest label, both included.
    """

    sources: frozenset[str] | None = None
    ages_years: tuple[float, float] | None = None

    def admits(self, face: LabelledFace) -> bool:
        """Say whether a face may be in the answer."""
        low, high = self.ages_years or (0.0, float("inf"))
        return (self.sources is None or face.source in self.sources) and low <= face.age_years <= high


EVERY_FACE = FaceFilter()
