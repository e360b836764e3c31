"""Geometry of the scale that shows estimate, range and declared age on one line; the template draws it."""

from __future__ import annotations

from dataclasses import dataclass

from simsvc.web.rendering.charts.age_plot import Axis, Interval, age_axis

WIDTH_PX, HEIGHT_PX, LINE_PX = 520.0, 138.0, 76.0


@dataclass(frozen=True, slots=True)
class AgeScale:
    """Everything the template needs; pixels of a WIDTH_PX x HEIGHT_PX drawing."""

    ages: Axis
    estimate_px: float
    range_px: tuple[float, float] | None
    declared_px: float | None
    width_px: float = WIDTH_PX
    height_px: float = HEIGHT_PX
    line_px: float = LINE_PX


def age_scale(age_years: float, interval_years: Interval | None, declared_years: int | None) -> AgeScale:
    """Lay out the scale so that all three values fit."""
    declared = () if declared_years is None else (float(declared_years),)
    ages = age_axis([age_years, *(interval_years or ()), *declared])
    return AgeScale(
        ages,
        ages.at(age_years),
        (ages.at(interval_years[0]), ages.at(interval_years[1])) if interval_years else None,
        ages.at(declared[0]) if declared else None,
    )
