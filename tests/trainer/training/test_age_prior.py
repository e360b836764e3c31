from __future__ import annotations

import numpy as np
import pytest
import torch

from trainer.models.age_model import AGE_BINS
from trainer.training import age_prior
from trainer.training.age_prior import Told, estimates, offsets, source_weights

BINS = np.arange(AGE_BINS)


def leaning(count: int = 600, lean: float = 0.05, seed: int = 0) -> Told:
    """Return distributions around blurred ages, drawn towards 30 as by a prior of that slope a year."""
    random = np.random.default_rng(seed)
    ages = random.uniform(1, 99, count).astype(np.float32)
    seen = ages + random.normal(0, 4, count)
    scores = -((BINS[None] - seen[:, None]) ** 2) / (2 * 6.0**2) - lean * np.abs(BINS - 30)[None]
    return Told(np.stack([scores, scores]).astype(np.float32), ages, np.ones(count, np.float32))


def biases(told: Told, added: np.ndarray, point: str) -> list[float]:
    """Return the bias of every decade."""
    found = estimates(torch.from_numpy(told.scores), torch.from_numpy(added), point).numpy()
    decades = told.ages_years // 10
    return [float((found - told.ages_years)[decades == d].mean()) for d in np.unique(decades)]


@pytest.mark.parametrize("point", ["mean", "median"])
def test_offsets_take_a_leaning_away(point: str) -> None:
    """A model that leans towards thirty comes within the bounds in every decade, on other faces too."""
    found = offsets(leaning(), point)
    others = leaning(seed=1)
    before, after = biases(others, np.zeros(AGE_BINS, np.float32), point), biases(others, found, point)
    assert max(np.abs(before[:7])) > age_prior.MOST_BIAS_YEARS
    assert max(np.abs(after[:7])) < age_prior.MOST_BIAS_YEARS
    assert max(np.abs(after)) < age_prior.MOST_OLD_BIAS_YEARS


def test_an_unbiased_model_is_hardly_changed() -> None:
    """Where nothing leans, estimates move by less than half a year on average."""
    told = leaning(1000, lean=0.0)
    added = torch.from_numpy(offsets(told, "median"))
    scores = torch.from_numpy(told.scores)
    middle = torch.from_numpy((told.ages_years > 10) & (told.ages_years < 90))
    change = estimates(scores, added, "median") - estimates(scores, torch.zeros(AGE_BINS), "median")
    assert float(change[middle].abs().mean()) < 0.5


def test_offsets_are_the_same_again() -> None:
    """The same faces give the same offsets, and their mean over the faces is zero."""
    told = leaning(300)
    found = offsets(told, "mean")
    assert np.array_equal(found, offsets(told, "mean"))
    assert found[told.ages_years.astype(int)].mean() == pytest.approx(0, abs=1e-5)


def test_estimates_average_the_views() -> None:
    """The estimate is the mean of what each view gives, by hand."""
    scores = np.full((2, 1, AGE_BINS), -30.0, np.float32)
    scores[0, 0, 20] = scores[1, 0, 40] = 30.0
    found = estimates(torch.from_numpy(scores), torch.zeros(AGE_BINS), "mean")
    assert found.tolist() == pytest.approx([30.0])


def test_a_source_counts_as_the_root_of_its_faces() -> None:
    """Four faces of one source weigh twice as much as the one of another, and all sum to their number."""
    found = source_weights(np.array(["many", "many", "one", "many", "many"]))
    assert found.sum() == pytest.approx(5)
    assert found[2] == pytest.approx(2 * found[0])


def test_weights_say_whose_bias_is_taken_away() -> None:
    """Of two sources that lean apart, the one of all weight is read without bias afterwards."""
    young, old = leaning(300, lean=0.0), leaning(300, lean=0.0, seed=1)
    ages = np.concatenate([young.ages_years - 4, old.ages_years + 4]).clip(0, 100).astype(np.float32)
    weights = np.repeat(np.array([0, 2], np.float32), 300)
    told = Told(np.concatenate([young.scores, old.scores], axis=1), ages, weights)
    found = estimates(torch.from_numpy(told.scores), torch.from_numpy(offsets(told, "median")), "median")
    errors = found.numpy() - ages
    assert abs(errors[300:][(ages[300:] > 20) & (ages[300:] < 70)].mean()) < age_prior.MOST_BIAS_YEARS


def test_unknown_point() -> None:
    """Only the model's own points are known."""
    with pytest.raises(ValueError, match="mode"):
        offsets(leaning(20), "mode")
