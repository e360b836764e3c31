"""Content of reports, in the reader's language; `pdf_report` draws it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simsvc.web.rendering.charts.age_plot import AgePlot
from simsvc.web.rendering.charts.age_scale import AgeScale

Row = tuple[str, str]
"""Label and text."""


@dataclass(frozen=True, slots=True)
class ScaleWords:
    """The scale of estimate, range and declared age, and its labels; the second may be empty."""

    scale: AgeScale
    estimate: str
    declared: str


@dataclass(frozen=True, slots=True)
class PlotWords:
    """The plot of the reference faces' ages, and its labels; those of mean and range may be empty."""

    plot: AgePlot
    estimate: str
    mean: str
    range: str
    ages: str
    similarity: str


@dataclass(frozen=True, slots=True)
class ReportFace:
    """A reference face: its thumbnail as JPEG, if there is one, and its caption."""

    jpeg: bytes | None
    caption: str


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report: a photo, or a list of facts."""

    heading: str
    lead: str = ""
    crop_png: bytes | None = None
    scale: ScaleWords | None = None
    plot: PlotWords | None = None
    faces: Sequence[ReportFace] = ()
    faces_heading: str = ""
    rows: Sequence[Row] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A report to file.

    Attributes:
        printed: when and by whom it was made.
        code: verification code, also at the foot of each page.
        check: how to check it.
        page: returns the words for page and number of pages.
        missing: what to say if a character is in no font.
    """

    title: str
    printed: str
    sections: Sequence[Section]
    code_label: str
    code: str
    check: str
    page: Callable[[int, int], str]
    missing: str
