from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from trainer.datasets.formats.rows import Row
from trainer.evaluation import by_source
from trainer.evaluation.by_source import Judged, averaged, draws, figures, judged, persons_of, source_document


def row(at: int, age: float, person: str | None = None, window: tuple[float, float] | None = None) -> Row:
    low, high = window or (None, None)
    return Row(Path("x"), age, "s", f"{at}.jpg", person=person, age_lo_years=low, age_hi_years=high)


@pytest.fixture
def faces() -> Judged:
    """Four persons of 20 to 50 years, read 2 years too old but for the last, who is read 10 too young."""
    ages = np.array([20.0, 30, 40, 50])
    rows = [row(at, float(age)) for at, age in enumerate(ages)]
    estimates = ages + np.array([2, 2, 2, -10])
    ranges = np.stack([estimates - 3, estimates + 3], axis=1)
    return judged(rows, estimates, ranges)


def test_figures_of_a_source(faces: Judged) -> None:
    """Error, bias, coverage and the constant guess are those of the faces."""
    assert by_source.mae(faces) == 4.0
    assert by_source.bias(faces) == -1.0
    assert by_source.coverage(faces) == 0.75
    assert by_source.constant(faces) == 10.0
    assert by_source.ratio(faces) == 0.4
    assert by_source.worst_1pc(faces) == pytest.approx(9.76)


def test_slope_of_estimates_that_spread_too_wide() -> None:
    """Estimates twice as far from their mean as the ages give a slope of a half."""
    rows = [row(at, age) for at, age in enumerate((30.0, 40.0, 50.0))]
    assert by_source.slope(judged(rows, np.array([20.0, 40, 60]))) == pytest.approx(0.5)
    assert np.isnan(by_source.slope(judged(rows, np.full(3, 40.0))))


def test_a_window_is_judged_by_its_middle_and_by_its_ends() -> None:
    """An estimate inside the window is off its middle but not outside; a range may touch the window only."""
    rows = [row(0, 52.5, window=(50, 55)), row(1, 52.5, window=(50, 55))]
    faces = judged(rows, np.array([54.5, 60.0]), np.array([[53.0, 56.0], [56.0, 64.0]]))
    assert by_source.mae(faces) == pytest.approx((2 + 7.5) / 2)
    assert by_source.outside(faces) == pytest.approx(2.5)
    assert by_source.coverage(faces) == 0.0
    assert by_source.overlap(faces) == 0.5


def test_persons_are_drawn_whole() -> None:
    """Every resample holds all photos of a person or none, and as many persons as there are."""
    rows = [row(0, 1, "a"), row(1, 2, "a"), row(2, 3, "b"), row(3, 4), row(4, 5)]
    persons = persons_of(rows)
    assert persons.tolist() == [0, 0, 1, 2, 3]
    for drawn in list(draws(persons))[:50]:
        times = np.bincount(drawn, minlength=5)
        assert times[0] == times[1]
        assert times[1:].sum() == 4


def test_photos_of_one_person_widen_the_interval() -> None:
    """The same errors are known less well when ten photos show one person."""
    errors = np.repeat(np.array([1.0, 5, 9, 3]), 10)
    alone = judged([row(at, 0.0) for at in range(40)], errors)
    grouped = judged([row(at, 0.0, str(at // 10)) for at in range(40)], errors)
    widths = [
        figure.high - figure.low for figure in (figures(f, by_source.BASIC)["mae"] for f in (alone, grouped))
    ]
    assert widths[1] > 2 * widths[0]


def test_women_over_men() -> None:
    """The error of women over that of men, and nothing where no gender is known."""
    rows = [
        Row(Path("x"), 30.0, "s", name, gender=gender) for name, gender in (("a", "female"), ("b", "male"))
    ]
    faces = judged(rows, np.array([33.0, 32.0]))
    assert by_source.women_over_men(faces) == 1.5
    assert "women_over_men" not in source_document("s", "all", judged([row(0, 1.0)], np.ones(1)))[0]


def test_document(faces: Judged) -> None:
    """Exact ages have no figures of windows; decades come in order; the mean weighs every source alike."""
    document, resamples = source_document("s", "all", faces)
    assert "outside_window" not in document
    assert document["worst"] == 10.0
    assert [part["part"] for part in document["decades"]] == [
        "age 20-29",
        "age 30-39",
        "age 40-49",
        "age 50-59",
    ]
    twice = {key: 2 * values for key, values in resamples.items()}
    assert averaged([resamples, twice])["mae"]["value"] == pytest.approx(6.0)


def test_a_model_without_ranges_has_no_coverage(faces: Judged) -> None:
    """Without ranges there are errors only."""
    other = replace(faces, ranges_years=None)
    assert set(figures(other, by_source.BASIC)) == {"mae", "bias"}
