"""The one row type that every reader gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from simsvc.domain.gallery.labels import Gender, Group


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled photo."""

    path: Path
    age_years: float  # the label to learn; the middle of the window where only a window is known
    source: str  # name of the data set, as given to `registry.read`
    reference: str  # relative posix path inside the data set: the same on every machine
    person: str | None = None  # shared by the photos of one person
    gender: Gender | None = None
    group: Group | None = None  # in UTKFace's terms
    apparent_age_years: float | None = None  # mean of what people guessed
    age_lo_years: float | None = None  # of the window; None where the age is known exactly
    age_hi_years: float | None = None  # likewise

    @property
    def window_years(self) -> tuple[float, float]:
        """The window that holds the age; both ends are the age where it is known exactly."""
        if self.age_lo_years is None or self.age_hi_years is None:
            return self.age_years, self.age_years
        return self.age_lo_years, self.age_hi_years


@dataclass(frozen=True, slots=True)
class SourceListing:
    """The result of a reader."""

    rows: tuple[Row, ...]  # every photo that can be used
    problems: tuple[tuple[str, str], ...] = ()  # (reference, why it is left out), none of them fatal
