"""Geometry of the site calibration plot: estimates of reference faces against known ages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsvc.domain.gallery.nearest import spread

WIDTH_PX, HEIGHT_PX = 640.0, 440.0
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 56.0, 16.0, 14.0, 48.0
MOST_POINTS = 600
TICK_YEARS = 10
LEAST_TOP_YEARS = 40

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class CalibrationPlot:
    """Everything a drawing needs; pixels of a WIDTH_PX x HEIGHT_PX drawing.

    Attributes:
        raw: the model's estimates: known age to the right, estimate upwards.
        corrected: the same faces, corrected without faces of the same person; empty without a correction.
        ticks: (years, pixel to the right, pixel downwards).
        level: ends of the line where the estimate equals the known age.
        faces: number of faces, drawn or not.
    """

    raw: tuple[Point, ...]
    corrected: tuple[Point, ...]
    ticks: tuple[tuple[int, float, float], ...]
    level: tuple[Point, Point]
    faces: int
    width_px: float = WIDTH_PX
    height_px: float = HEIGHT_PX
    left_px: float = LEFT_PX
    right_px: float = WIDTH_PX - RIGHT_PX
    top_px: float = TOP_PX
    bottom_px: float = HEIGHT_PX - BOTTOM_PX


def calibration_plot(
    ages_years: Sequence[float] | NDArray[np.float64],
    estimates_years: NDArray[np.floating[Any]],
    *,
    corrected: bool,
) -> CalibrationPlot | None:
    """Lay out the plot, or return None if no face has an estimate.

    There are N known ages and, as (N, 2), the model's and the corrected estimates, NaN where missing. With
    `corrected`, only faces in the calibration are drawn.
    """
    ages = np.asarray(ages_years, dtype=np.float64)
    known = np.flatnonzero(np.isfinite(estimates_years[:, 1 if corrected else 0]))
    if not len(known):
        return None
    shown = known[spread(len(known), MOST_POINTS)]
    drawn = np.concatenate([ages[shown], estimates_years[shown].astype(np.float64).ravel()])
    top = max(LEAST_TOP_YEARS, TICK_YEARS * math.ceil(float(np.nanmax(drawn)) / TICK_YEARS))

    def at(age: float, estimate: float) -> Point:
        return (
            round(LEFT_PX + age / top * (WIDTH_PX - RIGHT_PX - LEFT_PX), 1),
            round(HEIGHT_PX - BOTTOM_PX - estimate / top * (HEIGHT_PX - BOTTOM_PX - TOP_PX), 1),
        )

    def points(column: int) -> tuple[Point, ...]:
        pairs = zip(ages[shown].tolist(), estimates_years[shown, column].tolist(), strict=True)
        return tuple(at(age, max(0.0, estimate)) for age, estimate in pairs)

    return CalibrationPlot(
        points(0),
        points(1) if corrected else (),
        tuple((years, *at(years, years)) for years in range(0, top + 1, TICK_YEARS)),
        (at(0.0, 0.0), at(top, top)),
        len(known),
    )
