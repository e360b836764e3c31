from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simsvc.values import Neighbour
from simsvc.web.rendering.charts.age_plot import (
    HEIGHT_PX,
    LEFT_PX,
    MOST_TICKS,
    RIGHT_PX,
    WIDTH_PX,
    age_plot,
    range_words,
)

NEIGHBOURS = st.lists(
    st.builds(Neighbour, st.just("f"), st.floats(0, 120), st.floats(0, 2)), min_size=0, max_size=20
)


@given(st.floats(0, 120), NEIGHBOURS)
def test_everything_lies_inside_the_drawing(age_years: float, neighbours: list[Neighbour]) -> None:
    """Whatever the values, dots, lines and ticks stay within the axes."""
    plot = age_plot(age_years, neighbours)
    ages, similarities = plot.ages, plot.similarities
    xs = [ages.at(n.age_years) for n in neighbours] + [plot.estimate.x_px]
    xs += [plot.mean.x_px] if plot.mean else []
    ys = [similarities.at(n.similarity) for n in neighbours]
    assert all(ages.start_px <= x <= ages.end_px <= WIDTH_PX for x in xs)
    assert all(0 <= similarities.end_px <= y <= similarities.start_px <= HEIGHT_PX for y in ys)
    assert 2 <= len(ages.ticks) <= MOST_TICKS + 2
    assert 1 <= len(similarities.ticks) <= MOST_TICKS + 2


@given(st.floats(0, 119), st.floats(0.5, 50))
def test_older_is_further_right_and_more_alike_is_higher(age_years: float, years: float) -> None:
    """The axes run the way people read them."""
    near, far = Neighbour("a", age_years, 0.2), Neighbour("b", min(age_years + years, 120), 0.9)
    plot = age_plot(age_years, [near, far])
    assert plot.ages.at(far.age_years) > plot.ages.at(near.age_years)
    assert plot.similarities.at(near.similarity) < plot.similarities.at(far.similarity)


def test_ages_do_not_run_below_zero() -> None:
    """An infant's plot begins at age 0."""
    assert age_plot(1, [Neighbour("a", 0, 0.5), Neighbour("b", 2, 0.6)]).ages.low == 0


def test_without_neighbours_there_is_an_estimate_and_no_mean() -> None:
    """The plot of no neighbours still has its axes."""
    plot = age_plot(40, [])
    assert plot.mean is None
    assert plot.estimate.age_years == 40


@given(st.floats(0, 120), st.floats(0, 40), st.floats(0, 40))
def test_the_range_is_shaded_around_the_estimate(age_years: float, below: float, above: float) -> None:
    """The shaded range lies inside the axes and holds the estimate, and its words stay in the drawing."""
    plot = age_plot(age_years, [], (max(0.0, age_years - below), age_years + above), 0.9)
    assert plot.span is not None
    assert LEFT_PX <= plot.span.left_px <= plot.estimate.x_px <= plot.span.right_px <= WIDTH_PX - RIGHT_PX
    assert LEFT_PX < plot.span.words_px < WIDTH_PX - RIGHT_PX
    assert str(plot.span.words) in str(plot.description)


def test_no_interval_no_shade() -> None:
    """Without an interval there is nothing to shade and nothing to say."""
    assert age_plot(40, []).span is None
    assert range_words(None, None) is None
    assert str(range_words((41.2, 55.8), 0.9)) == "Likely between 41 and 56 (90% range)"
