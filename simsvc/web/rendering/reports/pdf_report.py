"""Reports as PDF by ReportLab."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import partial
from typing import IO, Any

from PIL import Image as Picture
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Image, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table

from simsvc.web.rendering.reports.pdf_fonts import LATIN, is_eastern, lacks, markup
from simsvc.web.rendering.reports.pdf_plots import plot_drawing, scale_drawing
from simsvc.web.rendering.reports.report import Report, ReportFace, Row, Section

STYLE = ParagraphStyle("row", fontName=LATIN, fontSize=8.5, leading=12, splitLongWords=1)
SMALL = ParagraphStyle("small", parent=STYLE, fontSize=7, leading=9)
TITLE = ParagraphStyle("title", parent=STYLE, fontSize=15, leading=20, spaceAfter=2 * mm)
HEADING = ParagraphStyle("heading", parent=STYLE, fontSize=11, leading=15, spaceBefore=5 * mm, keepWithNext=1)
MARGIN, FOOT = 18 * mm, 20 * mm
WIDTH = A4[0] - 2 * MARGIN
CROP, FACE = 38 * mm, 17 * mm
FACES_A_ROW = 6
JPEG_QUALITY = 90
"""Of crops in reports: the record keeps the exact pixels."""


def write_pdf(report: Report, file: IO[bytes]) -> None:
    """Write a report as PDF, with the same bytes for equal reports."""
    document = SimpleDocTemplate(
        file,
        pagesize=A4,
        title=report.title,
        author="simsvc",
        invariant=1,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=16 * mm,
        bottomMargin=FOOT,
    )
    document.build(list(_story(report)), canvasmaker=partial(_Numbered, report=report))


class _Numbered(Canvas):
    """A canvas that knows the number of pages when it writes their feet.

    Source: ReportLab's mailing list and cookbooks, "Page x of y": pages are kept until the last one is known.
    """

    def __init__(self, *args: Any, report: Report, **options: Any) -> None:
        super().__init__(*args, **options)
        self._report = report
        self._kept: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 - ReportLab's name
        """Keep the page."""
        self._kept.append(dict(self.__dict__))
        self._startPage()  # type: ignore[attr-defined]  # ReportLab's types leave it out

    def save(self) -> None:
        """Write the kept pages with their feet, and the file."""
        kept = self._kept
        for number, page in enumerate(kept, 1):
            self.__dict__.update(page)
            self._foot(number, len(kept))
            super().showPage()
        super().save()

    def _foot(self, number: int, count: int) -> None:
        report = self._report
        self.setStrokeColor(colors.lightgrey)
        self.line(MARGIN, 15 * mm, A4[0] - MARGIN, 15 * mm)
        page = Paragraph(
            markup(report.page(number, count)), ParagraphStyle("page", parent=SMALL, alignment=2)
        )
        for shown, left, width, bottom in (
            (_text(report.title, SMALL), MARGIN, 0.75 * WIDTH, 11 * mm),
            (page, MARGIN + 0.75 * WIDTH, 0.25 * WIDTH, 11 * mm),
            (_text(f"{report.code_label} {report.code}", SMALL), MARGIN, WIDTH, 7.5 * mm),
        ):
            shown.wrapOn(self, width, 10 * mm)
            shown.drawOn(self, left, bottom)


def _story(report: Report) -> Iterator[Flowable]:
    yield _text(report.title, TITLE, bold=True)
    yield _text(report.printed)
    yield Spacer(1, 2 * mm)
    yield _boxed([_text(f"{report.code_label} {report.code}", bold=True), _text(report.check)])
    for section in report.sections:
        yield from _section(section)
    if any(lacks(text) for text in _texts(report)):
        yield Spacer(1, 3 * mm)
        yield _text(report.missing)


def _section(section: Section) -> Iterator[Flowable]:
    top: list[Flowable] = [_text(section.heading, HEADING, bold=True)]
    if section.lead:
        top.append(_text(section.lead))
    drawn: list[Flowable] = []
    crop = _crop(section.crop_png) if section.crop_png else None
    if section.scale:
        drawn.append(scale_drawing(section.scale, WIDTH - CROP - 6 * mm))
    if crop or drawn:
        sides = [[crop or "", drawn or ""]]
        top += [Spacer(1, 2 * mm), _plain_table(sides, [CROP + 4 * mm, WIDTH - CROP - 4 * mm])]
    if section.faces:
        top += [Spacer(1, 2 * mm), _text(section.faces_heading), _faces(section.faces)]
    if section.plot:
        top += [Spacer(1, 2 * mm), plot_drawing(section.plot, 0.75 * WIDTH)]
    yield KeepTogether(top)
    if section.rows:
        yield Spacer(1, 2 * mm)
        yield _rows(section.rows)


def _faces(faces: Sequence[ReportFace]) -> Table:
    cells: list[list[Any]] = []
    for start in range(0, len(faces), FACES_A_ROW):
        some = faces[start : start + FACES_A_ROW]
        row = [[_picture(face.jpeg), _text(face.caption, SMALL)] for face in some]
        cells.append([*row, *([""] * (FACES_A_ROW - len(some)))])
    return _plain_table(cells, [WIDTH / FACES_A_ROW] * FACES_A_ROW)


def _picture(jpeg: bytes | None) -> Flowable:
    """Return a thumbnail; an empty place where it is gone or damaged."""
    if jpeg:
        try:
            with Picture.open(io.BytesIO(jpeg)) as picture:
                picture.load()
        except OSError:
            return Spacer(FACE, FACE)
        return Image(io.BytesIO(jpeg), FACE, FACE, hAlign="LEFT")
    return Spacer(FACE, FACE)


def _crop(png: bytes) -> Image:
    """Return a crop as JPEG, so that a hundred of them make a file of a few megabytes."""
    file = io.BytesIO()
    with Picture.open(io.BytesIO(png)) as picture:
        picture.convert("RGB").save(file, "JPEG", quality=JPEG_QUALITY)
    return Image(file, CROP, CROP, hAlign="LEFT")


def _rows(rows: Sequence[Row]) -> Table:
    cells = [[_text(label), _text(text)] for label, text in rows]
    table = Table(cells, colWidths=[48 * mm, WIDTH - 48 * mm], splitInRow=1, hAlign="LEFT")
    line = ("LINEBELOW", (0, 0), (-1, -1), 0.4, colors.lightgrey)
    table.setStyle([line, ("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (0, -1), 0)])
    return table


def _plain_table(cells: list[list[Any]], widths: list[float]) -> Table:
    table = Table(cells, colWidths=widths, hAlign="LEFT")
    table.setStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)])
    return table


def _boxed(content: list[Flowable]) -> Table:
    table = Table([[content]], colWidths=[WIDTH], hAlign="LEFT")
    table.setStyle([("BOX", (0, 0), (-1, -1), 0.8, colors.grey)])
    return table


def _text(text: str, style: ParagraphStyle = STYLE, *, bold: bool = False) -> Paragraph:
    shown = ParagraphStyle(style.name, parent=style, wordWrap=_wrap(text)) if is_eastern(text) else style
    return Paragraph(markup(text, bold=bold), shown)


def _wrap(text: str) -> str | None:
    return "CJK" if is_eastern(text) else None


def _texts(report: Report) -> Iterator[str]:
    yield from (report.title, report.printed)
    for section in report.sections:
        yield from (section.heading, section.lead)
        yield from (face.caption for face in section.faces)
        yield from (part for row in section.rows for part in row)
