"""The site calibration plot as PNG, drawn with Pillow; pages use SVG."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from simsvc.adapters.ops.atomic_files import replace_bytes
from simsvc.domain.calibration.plot import CalibrationPlot, Point
from simsvc.errors import ResultsRefused

ENLARGED = 2
"""Scale of the PNG, for sharp prints."""
WHITE, INK, QUIET, LINE, ACCENT = "#ffffff", "#1f2328", "#6a737d", "#d8dee4", "#1b66c9"
FONT_PX, DOT_PX = 13, 3.0


def write_picture(path: Path, plot: CalibrationPlot, title: str) -> None:
    """Write the plot atomically; raises ResultsRefused if it cannot be written."""
    if path.suffix.lower() != ".png":
        raise ResultsRefused("picture_name")
    try:
        replace_bytes(path, picture(plot, title))
    except OSError as error:
        raise ResultsRefused("picture", problem=str(error.strerror)) from None


def picture(plot: CalibrationPlot, title: str) -> bytes:
    """Return the picture as PNG bytes."""
    size = tuple(round(side * ENLARGED) for side in (plot.width_px, plot.height_px))
    image = Image.new("RGB", (size[0], size[1]), WHITE)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(FONT_PX * ENLARGED)
    bottom, top, left, right = plot.bottom_px, plot.top_px, plot.left_px, plot.right_px
    for years, x, y in plot.ticks:
        draw.line([*_at((left, y)), *_at((right, y))], LINE, ENLARGED)
        draw.text(_at((left - 8, y)), str(years), QUIET, font, anchor="rm")
        draw.text(_at((x, bottom + 10)), str(years), QUIET, font, anchor="mt")
    draw.line([*_at(plot.level[0]), *_at(plot.level[1])], QUIET, ENLARGED)
    for point in plot.raw:
        draw.ellipse(_box(point), outline=QUIET, width=ENLARGED)
    for point in plot.corrected:
        draw.ellipse(_box(point), fill=ACCENT)
    draw.text(_at(((left + right) / 2, plot.height_px - 6)), "known age, years", INK, font, anchor="mb")
    draw.text(_at((left + 8, top + 4)), title, INK, font, anchor="lt")
    legend = [("model's estimate", QUIET), *([("corrected", ACCENT)] if plot.corrected else [])]
    for line, (words, colour) in enumerate(legend, 1):
        draw.text(_at((left + 8, top + 4 + 20 * line)), words, colour, font, anchor="lt")
    written = io.BytesIO()
    image.save(written, "PNG", optimize=True)
    return written.getvalue()


def _at(point: Point) -> tuple[float, float]:
    return point[0] * ENLARGED, point[1] * ENLARGED


def _box(point: Point) -> list[float]:
    x, y = _at(point)
    radius = DOT_PX * ENLARGED
    return [x - radius, y - radius, x + radius, y + radius]
