"""The one row type that every reader gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from simsvc.domain.gallery.labels import Gender, Group


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled photo.

    Attributes:
        path: on this machine.
        age_years: the label to learn; the middle of the window where only a window is known.
        source: name of the data set, as given to `registry.read`.
        reference: relative posix path inside the data set: the same on every machine.
        person: name that the photos of one person share, or None where the data set does not tell.
        gender: as the data set has it, or None.
        group: in UTKFace's terms, or None.
        apparent_age_years: mean of what people guessed, where the data set has that too.
        age_lo_years: lower end of the window that holds the age, or None where the age is known exactly.
        age_hi_years: its upper end, at least `age_lo_years`, or None likewise.
    """

    path: Path
    age_years: float
    source: str
    reference: str
    person: str | None = None
    gender: Gender | None = None
    group: Group | None = None
    apparent_age_years: float | None = None
    age_lo_years: float | None = None
    age_hi_years: float | None = None

    @property
    def window_years(self) -> tuple[float, float]:
        """The window that holds the age; both ends are the age where it is known exactly."""
        if self.age_lo_years is None or self.age_hi_years is None:
            return self.age_years, self.age_years
        return self.age_lo_years, self.age_hi_years


@dataclass(frozen=True, slots=True)
class SourceListing:
    """The result of a reader.

    Attributes:
        rows: every photo that can be used.
        problems: (reference, why it is left out), none of them fatal.
    """

    rows: tuple[Row, ...]
    problems: tuple[tuple[str, str], ...] = ()
