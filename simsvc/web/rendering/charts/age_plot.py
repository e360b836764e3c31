"""Geometry of the plot of the neighbours' ages against the estimate; the template draws it as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from simsvc.domain.estimate.explain import explain, few_sentence
from simsvc.messages import N_, Message, joined
from simsvc.values import Neighbour

WIDTH_PX, HEIGHT_PX = 520.0, 322.0
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 64.0, 16.0, 72.0, 46.0
LEAST_SPAN_YEARS = 20.0
LEAST_SPAN_SIMILARITY = 0.02
MOST_TICKS = 8
SIMILARITY_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
WORDS_PX = 185.0
"""Width of the label of a mark, at phone size."""
RANGE_WORDS_PX = 270.0
"""Width of the label of a range."""

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear axis from values low..high to pixels start..end."""

    low: float
    high: float
    start_px: float
    end_px: float
    step: float

    def at(self, value: float) -> float:
        """Return the pixel of a value."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start_px + share * (self.end_px - self.start_px), 1)

    @property
    def ticks(self) -> list[float]:
        """Multiples of the step within the axis."""
        first, last = math.ceil(self.low / self.step - 1e-9), math.floor(self.high / self.step + 1e-9)
        return [round(tick * self.step, 6) for tick in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertical line with its label and the side of the label."""

    x_px: float
    age_years: float
    anchor: str


@dataclass(frozen=True, slots=True)
class Span:
    """A shaded range of ages with its label."""

    left_px: float
    right_px: float
    words: Message
    words_px: float


@dataclass(frozen=True, slots=True)
class AgePlot:
    """Everything the template needs; pixels of a WIDTH_PX x HEIGHT_PX drawing."""

    ages: Axis
    similarities: Axis
    neighbours: tuple[Neighbour, ...]
    estimate: Mark
    mean: Mark | None
    span: Span | None
    description: Message
    width_px: float = WIDTH_PX
    height_px: float = HEIGHT_PX


def age_plot(
    age_years: float,
    neighbours: Sequence[Neighbour],
    interval_years: Interval | None = None,
    coverage: float | None = None,
    *,
    few: bool = False,
) -> AgePlot:
    """Lay out the plot: known age to the right, similarity upwards, estimate and mean as lines."""
    explanation = None if few else explain(age_years, neighbours)
    mean_years = explanation.neighbours_age_years if explanation else None
    ages = age_axis([age_years, *(interval_years or ()), *(near.age_years for near in neighbours)])
    words = range_words(interval_years, coverage)
    description = [Message(N_("The estimate is %(age).0f years."), {"age": age_years})]
    if words:
        description.append(Message(N_("%(range)s."), {"range": words}))
    if few or explanation:
        description.append(explanation.sentence if explanation else few_sentence(neighbours))
    return AgePlot(
        ages,
        _similarity_axis([near.similarity for near in neighbours] or [0.0, 1.0]),
        tuple(neighbours),
        _mark(age_years, ages, to_the_right=ages.at(age_years) < WIDTH_PX / 2),
        None if mean_years is None else _mark(mean_years, ages, to_the_right=mean_years >= age_years),
        _span(interval_years, ages, words) if interval_years and words else None,
        joined(*description),
    )


def range_words(interval_years: Interval | None, coverage: float | None) -> Message | None:
    """Write an interval: "Likely between 41 and 56 (90% range)", or nothing where there is none."""
    if interval_years is None or coverage is None:
        return None
    low, high = interval_years
    return Message(
        N_("Likely between %(low).0f and %(high).0f (%(percent).0f%% range)"),
        {"low": low, "high": high, "percent": 100.0 * coverage},
    )


def _span(interval_years: Interval, ages: Axis, words: Message) -> Span:
    """Shade an interval; its words stand in its middle, or as near to it as the drawing has room."""
    left, right = (ages.at(end) for end in interval_years)
    room = RANGE_WORDS_PX / 2
    middle = min(max((left + right) / 2, LEFT_PX + room), WIDTH_PX - RIGHT_PX - room)
    return Span(left, right, words, round(middle, 1))


def age_axis(values: Sequence[float]) -> Axis:
    """Return an axis of ages in multiples of five years with room for all values."""
    low, high = _widened(min(values) - 2.0, max(values) + 2.0, LEAST_SPAN_YEARS)
    if low < 0.0:
        low, high = 0.0, max(high, LEAST_SPAN_YEARS)
    low, high = 5.0 * math.floor(low / 5.0), 5.0 * math.ceil(high / 5.0)
    return Axis(low, high, LEFT_PX, WIDTH_PX - RIGHT_PX, _step(high - low, (5.0, 10.0, 20.0, 50.0)))


def _similarity_axis(values: Sequence[float]) -> Axis:
    least, most = min(values), max(values)
    room = max(0.1 * (most - least), 0.005)
    low, high = _widened(least - room, most + room, LEAST_SPAN_SIMILARITY)
    high = min(high, 1.0 + 0.04 * (high - low))  # cosines are at most 1; the rest is room for a dot
    low = min(low, high - LEAST_SPAN_SIMILARITY)
    return Axis(low, high, HEIGHT_PX - BOTTOM_PX, TOP_PX, _step(high - low, SIMILARITY_STEPS))


def _widened(low: float, high: float, least_span: float) -> tuple[float, float]:
    lack = max(0.0, least_span - (high - low)) / 2.0
    return low - lack, high + lack


def _step(span: float, steps: Sequence[float]) -> float:
    return next((step for step in steps if span / step <= MOST_TICKS), steps[-1])


def _mark(age_years: float, ages: Axis, *, to_the_right: bool) -> Mark:
    """Place a mark, with its label on the wanted side if there is room."""
    x_px = ages.at(age_years)
    if to_the_right:
        return Mark(x_px, age_years, "start" if x_px + WORDS_PX < WIDTH_PX else "end")
    return Mark(x_px, age_years, "end" if x_px - WORDS_PX > 0 else "start")
