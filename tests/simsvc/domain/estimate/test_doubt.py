from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from simsvc.domain.estimate.doubt import MEASURES, Answer, answer_of, expected_error_years, parse_doubt
from simsvc.errors import BundleDamaged
from simsvc.values import Prediction

SHA = "ab" * 32
RAW: dict[str, Any] = {
    "format": 1,
    "model_sha256": SHA,
    "weights": {"log_spread": 1.0, "age": 0.5},
    "constant": -1.0,
    "threshold": 2.0,
}


def answer(deviation: float = 5.0, views: tuple[float, ...] = (29.0, 31.0)) -> Answer:
    shares = np.exp(-0.5 * ((np.arange(101) - 30.0) / deviation) ** 2)
    return Answer(30.0, shares / shares.sum(), views)


def test_the_measures_by_hand() -> None:
    """Each measure is what its name says, of a normal distribution."""
    found = {name: measure(answer()) for name, measure in MEASURES.items()}
    assert found == {
        "log_spread": pytest.approx(math.log(6), abs=1e-3),
        "log_width": pytest.approx(math.log(2 * 1.645 * 5 + 1), abs=0.01),
        "log_views": pytest.approx(math.log(2.5)),
        "age": 3.0,
        "age_squared": pytest.approx(0.36),
    }


def test_a_score_is_the_weighted_sum() -> None:
    """The score is the constant and the weighted measures, and stands for an error in years."""
    score = parse_doubt(RAW, SHA).score(answer())
    assert score == pytest.approx(-1 + math.log(6) + 1.5, abs=1e-3)
    assert expected_error_years(math.log(8)) == pytest.approx(7)
    assert expected_error_years(-3.0) == 0


def test_wider_answers_and_views_apart_are_more_doubtful() -> None:
    """With positive weights, a wider distribution and views that disagree raise the score."""
    doubt = parse_doubt({**RAW, "weights": {"log_width": 1.0, "log_views": 1.0}}, SHA)
    assert doubt.score(answer(deviation=9)) > doubt.score(answer())
    assert doubt.score(answer(views=(20.0, 40.0))) > doubt.score(answer())


def test_of_a_prediction() -> None:
    """The answer is one row of a prediction; a model without a distribution gives none."""
    ages, rows = np.array([30, 50], dtype=np.float32), np.eye(2, dtype=np.float32)
    shares = np.full((2, 101), 1 / 101, dtype=np.float32)
    views = np.array([[30, 31], [49, 52]], dtype=np.float32)
    found = answer_of(Prediction(ages, rows, shares, views), 1)
    assert found is not None
    assert (found.age_years, found.view_ages_years) == (50.0, (49.0, 52.0))
    assert answer_of(Prediction(ages, rows)) is None


@pytest.mark.parametrize(
    "raw",
    [
        None,
        {**RAW, "format": 2},
        {**RAW, "weights": {"beauty": 1.0}},
        {**RAW, "threshold": "2"},
        {**RAW, "constant": float("nan")},
        {name: value for name, value in RAW.items() if name != "threshold"},
    ],
)
def test_nonsense_is_a_damaged_bundle(raw: object) -> None:
    """An entry that cannot be applied is refused with a sentence."""
    with pytest.raises(BundleDamaged, match="doubt score"):
        parse_doubt(raw, SHA)


def test_of_another_model() -> None:
    """A score that was fitted on another model is refused."""
    with pytest.raises(BundleDamaged, match="fitted on a different model"):
        parse_doubt(RAW, "cd" * 32)
