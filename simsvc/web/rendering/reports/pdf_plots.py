"""The plots of a report as ReportLab drawings, from the same geometry as the pages' SVG."""

from __future__ import annotations

from reportlab.graphics.shapes import Circle, Drawing, Line, Polygon, Rect, String
from reportlab.lib import colors
from reportlab.pdfbase.pdfmetrics import stringWidth

from simsvc.web.rendering.reports.pdf_fonts import runs
from simsvc.web.rendering.reports.report import PlotWords, ScaleWords

INK, QUIET, ACCENT, SOFT, MEAN = map(colors.HexColor, ("#1c2733", "#566473", "#1d5a7a", "#d9e6ee", "#8a6d1d"))
TEXT_PX = 13.0


class _Page:
    """A drawing with pixels from the top, as in SVG, `width` points wide."""

    def __init__(self, width_px: float, height_px: float, width: float) -> None:
        self._height_px, factor = height_px, width / width_px
        self.drawing = Drawing(width, height_px * factor)
        self.drawing.scale(factor, factor)

    def line(
        self, start: tuple[float, float], end: tuple[float, float], color: colors.Color, width: float = 1.0
    ) -> None:
        top = self._height_px
        self.drawing.add(
            Line(start[0], top - start[1], end[0], top - end[1], strokeColor=color, strokeWidth=width)
        )

    def box(self, left: float, right: float, top: float, bottom: float) -> None:
        place = (left, self._height_px - bottom, right - left, bottom - top)
        shape = Rect(*place)
        shape.fillColor, shape.strokeColor = SOFT, None
        self.drawing.add(shape)

    def dot(self, x: float, y: float) -> None:
        self.drawing.add(
            Circle(x, self._height_px - y, 5.5, fillColor=ACCENT, strokeColor=colors.white, strokeWidth=1)
        )

    def mark_below(self, x: float, y: float) -> None:
        top = self._height_px - y
        self.drawing.add(Polygon([x, top, x + 7, top - 10, x - 7, top - 10], fillColor=INK, strokeColor=None))

    def text(self, x: float, y: float, words: str, color: colors.Color = INK, anchor: str = "middle") -> None:
        pieces = [(font, piece, stringWidth(piece, font, TEXT_PX)) for font, piece in runs(words)]
        width = sum(size for _, _, size in pieces)
        at = x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        for font, piece, size in pieces:
            self.drawing.add(
                String(at, self._height_px - y, piece, fontName=font, fontSize=TEXT_PX, fillColor=color)
            )
            at += size


def scale_drawing(said: ScaleWords, width: float) -> Drawing:
    """Draw the scale of estimate, range and declared age."""
    scale = said.scale
    page, line, ages = _Page(scale.width_px, scale.height_px, width), scale.line_px, scale.ages
    if scale.range_px:
        page.box(*scale.range_px, line - 30, line)
    page.line((ages.start_px, line), (ages.end_px, line), QUIET)
    for tick in ages.ticks:
        page.text(ages.at(tick), line + 55, f"{tick:.0f}", QUIET)
    page.line((scale.estimate_px, line - 36), (scale.estimate_px, line), INK, 2.0)
    page.text(scale.estimate_px, line - 44, said.estimate, anchor=_anchor(scale.estimate_px))
    if scale.declared_px is not None:
        page.mark_below(scale.declared_px, line)
        page.text(scale.declared_px, line + 29, said.declared, anchor=_anchor(scale.declared_px))
    return page.drawing


def plot_drawing(said: PlotWords, width: float) -> Drawing:
    """Draw the known ages of the reference faces against their similarity."""
    plot = said.plot
    page, x, y = _Page(plot.width_px, plot.height_px, width), plot.ages, plot.similarities
    if plot.span:
        page.box(plot.span.left_px, plot.span.right_px, y.end_px - 46, y.start_px)
        page.text(plot.span.words_px, y.end_px - 53, said.range, ACCENT)
    for tick in y.ticks:
        page.line((x.start_px, y.at(tick)), (x.end_px, y.at(tick)), colors.lightgrey)
        page.text(x.start_px - 8, y.at(tick) + 4, f"{tick:.2f}", QUIET, "end")
    page.line((x.start_px, y.start_px), (x.end_px, y.start_px), QUIET)
    for tick in x.ticks:
        page.line((x.at(tick), y.start_px), (x.at(tick), y.start_px + 5), QUIET)
        page.text(x.at(tick), y.start_px + 19, f"{tick:.0f}", QUIET)
    page.text((x.start_px + x.end_px) / 2, plot.height_px - 6, said.ages, QUIET)
    page.text(4, y.end_px - 60, said.similarity, QUIET, "start")
    if plot.mean:
        page.line((plot.mean.x_px, y.end_px - 10), (plot.mean.x_px, y.start_px), MEAN)
        page.text(*_beside(plot.mean.x_px, plot.mean.anchor), y.end_px - 5, said.mean, MEAN, plot.mean.anchor)
    page.line((plot.estimate.x_px, y.end_px - 34), (plot.estimate.x_px, y.start_px), INK, 2.0)
    page.text(
        *_beside(plot.estimate.x_px, plot.estimate.anchor),
        y.end_px - 24,
        said.estimate,
        anchor=plot.estimate.anchor,
    )
    for near in plot.neighbours:
        page.dot(x.at(near.age_years), y.at(near.similarity))
    return page.drawing


def _anchor(x_px: float) -> str:
    return "end" if x_px > 380 else "start" if x_px < 140 else "middle"


def _beside(x_px: float, anchor: str) -> tuple[float]:
    return (x_px - 6 if anchor == "end" else x_px + 6,)
