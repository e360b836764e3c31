"""Geometry of the histogram of known ages by source; the template draws it as SVG."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from simsvc.values import LabelledFace

WIDTH_PX, HEIGHT_PX = 640.0, 260.0
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 56.0, 12.0, 14.0, 44.0
DECADE_YEARS = 10
LEAST_DECADES = 9
GAP_PX = 3.0
MOST_TICKS = 5
STEPS = tuple(digit * int(10.0**power) for power in range(9) for digit in (1, 2, 5))
MOST_SHADES = 4
"""Shades for sources; further sources share the last one, and the table lists all."""


@dataclass(frozen=True, slots=True)
class Bar:
    """The bar of one source in one decade, in pixels."""

    x_px: float
    y_px: float
    width_px: float
    height_px: float
    shade: int
    source: str
    decade: int
    count: int


@dataclass(frozen=True, slots=True)
class Histogram:
    """Everything the template needs; pixels of a WIDTH_PX x HEIGHT_PX drawing.

    Attributes:
        bars: stacked by source within each decade.
        decades: (first age of the decade, middle of its bar in pixels).
        ticks: (count, y in pixels).
        sources: (name, faces, shade), most faces first.
        table: (first age of the decade, faces by source in the order of `sources`).
        total: number of faces.
    """

    bars: tuple[Bar, ...]
    decades: tuple[tuple[int, float], ...]
    ticks: tuple[tuple[int, float], ...]
    sources: tuple[tuple[str, int, int], ...]
    table: tuple[tuple[int, tuple[int, ...]], ...]
    total: int
    width_px: float = WIDTH_PX
    height_px: float = HEIGHT_PX
    left_px: float = LEFT_PX
    right_px: float = WIDTH_PX - RIGHT_PX
    bottom_px: float = HEIGHT_PX - BOTTOM_PX


def histogram(faces: Sequence[LabelledFace]) -> Histogram:
    """Lay out the counts of faces by decade and source."""
    sources = tuple(
        (name, count, min(place, MOST_SHADES - 1))
        for place, (name, count) in enumerate(Counter(face.source for face in faces).most_common())
    )
    counts = Counter((DECADE_YEARS * int(face.age_years // DECADE_YEARS), face.source) for face in faces)
    last = max((decade for decade, _ in counts), default=0) // DECADE_YEARS
    decades = [DECADE_YEARS * number for number in range(max(LEAST_DECADES, last + 1))]
    table = tuple((decade, tuple(counts[decade, name] for name, _, _ in sources)) for decade in decades)
    most = max((sum(row) for _, row in table), default=0)
    step = next(step for step in STEPS if most / step <= MOST_TICKS)
    top = max(step, step * math.ceil(most / step))
    width = (WIDTH_PX - RIGHT_PX - LEFT_PX) / len(decades)
    return Histogram(
        tuple(bar for place, row in enumerate(table) for bar in _stack(place, row, sources, width, top)),
        tuple((decade, round(LEFT_PX + width * (place + 0.5), 1)) for place, decade in enumerate(decades)),
        tuple((count, _y(count, top)) for count in range(0, top + 1, step)),
        sources,
        table,
        len(faces),
    )


def _y(count: float, top: int) -> float:
    return round(HEIGHT_PX - BOTTOM_PX - count / top * (HEIGHT_PX - BOTTOM_PX - TOP_PX), 1)


def _stack(
    place: int,
    row: tuple[int, tuple[int, ...]],
    sources: tuple[tuple[str, int, int], ...],
    width: float,
    top: int,
) -> list[Bar]:
    bars, below = [], 0
    x_px = round(LEFT_PX + place * width + GAP_PX / 2, 1)
    for (name, _, shade), count in zip(sources, row[1], strict=True):
        if count:
            y_px = _y(below + count, top)
            height_px = round(_y(below, top) - y_px, 1)
            bars.append(Bar(x_px, y_px, round(width - GAP_PX, 1), height_px, shade, name, row[0], count))
        below += count
    return bars
