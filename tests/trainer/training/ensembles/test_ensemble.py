from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.trainer.tiny_training import recipe
from trainer.datasets.pack import PACK_PX
from trainer.models import backbones
from trainer.models.age_model import AgeModel, median
from trainer.training.augmentation import augment
from trainer.training.ensembles.ensemble import Ensemble, Member, best_weights, resizing, simplex
from trainer.training.ensembles.likeness import Likeness

TOLD = {"head": "distribution", "loss": "distribution"}


def _member(seed: int, **changes: object) -> Member:
    chosen = recipe(**TOLD, **changes)
    torch.manual_seed(seed)
    return Member(chosen, AgeModel(chosen.architecture).eval())


def test_members_see_what_they_were_taught_to_see() -> None:
    """The mean of the members' distributions is that of each alone on crops cut as in its training."""
    near, wide = _member(0, schedule="64x1"), _member(1, schedule="96x1", view=1.25)
    whole = recipe(**TOLD, schedule="200x1", view=1.25, point="median")
    squares = np.random.default_rng(0).integers(0, 256, (3, PACK_PX, PACK_PX, 3), dtype=np.uint8)
    spec = backbones.BODIES["resnet18"]

    def alone(member: Member) -> torch.Tensor:
        crops = augment.batch(squares, member.recipe.final_px, spec.mean, spec.std, view=member.recipe.view)
        return member.model(crops).softmax(1)

    with torch.no_grad():
        model = Ensemble([near, wide], whole, [[0.25, 0.75]]).eval()
        crops = augment.batch(squares, 200, spec.mean, spec.std, view=1.25)
        scores = model(crops)
        wanted = 0.25 * alone(near) + 0.75 * alone(wide)
        assert scores[:, :101].exp().numpy() == pytest.approx(wanted.numpy(), abs=1e-4)
        assert model.ages(scores).numpy() == pytest.approx(median(wanted).numpy(), abs=0.05)
        members = torch.stack([median(alone(near)), median(alone(wide))], dim=1)
        assert model.view_ages(scores).numpy() == pytest.approx(members.numpy(), abs=0.05)


def test_photos_like_those_of_one_source_have_their_own_weights() -> None:
    """The likeness, by the first member's pooled features, decides how much of each row of weights counts."""
    near, wide = _member(0, schedule="64x1"), _member(1, schedule="64x1")
    whole = recipe(**TOLD, schedule="200x1", view=1.25, point="median")
    crops = torch.randn(2, 3, 200, 200)
    pooled = 2 * backbones.BODIES["resnet18"].channels
    mixed = []
    with torch.no_grad():
        for bias in (-50.0, 0.0, 50.0):
            likeness = Likeness(np.zeros(pooled, np.float32), bias)
            mixed.append(Ensemble([near, wide], whole, [[1, 0], [0, 1]], likeness).eval()(crops).exp())
    first, second = mixed[0][:, 101:202], mixed[0][:, 202:]
    for found, wanted in zip(mixed, (first, (first + second) / 2, second), strict=True):
        assert found[:, :101].numpy() == pytest.approx(wanted.numpy(), abs=1e-6)


def test_cutting_and_resizing_is_one_matrix() -> None:
    """The matrix cuts the middle out and resizes it as interpolation does."""
    crop, matrix = torch.rand(1, 1, 200, 200), resizing(200, 160, 96)
    inner = torch.nn.functional.interpolate(
        crop[:, :, 20:180, 20:180], (96, 96), mode="bilinear", antialias=True, align_corners=False
    )
    assert (matrix @ crop @ matrix.T).numpy() == pytest.approx(inner.numpy(), abs=1e-5)


def test_the_weight_suits_all_sources_alike() -> None:
    """A member that is right on the small source counts where the large one does not mind."""
    shares = np.zeros((2, 110, 101), np.float32)
    shares[0, :100, 30] = shares[1, :100, 31] = 1
    shares[0, 100:, 30] = shares[1, 100:, 60] = 1
    ages = np.array([30.0] * 100 + [60.0] * 10, np.float32)
    weights, errors = best_weights(shares, ages, np.array(["large"] * 100 + ["small"] * 10))
    assert weights[0] < 0.5
    assert errors[weights] == min(errors.values())


def test_weights_are_equal_where_chance_decides() -> None:
    """A member that is better by less than a standard error gains no weight."""
    random = np.random.default_rng(0)
    ages = random.integers(20, 60, 40)
    shares = np.zeros((2, 40, 101), np.float32)
    for member in range(2):
        shares[member, np.arange(40), ages + random.integers(-8, 9, 40)] = 1
    weights, _ = best_weights(shares, ages.astype(np.float32), np.array(["one"] * 20 + ["two"] * 20))
    assert weights == (0.5, 0.5)


def test_all_weights_of_three_members_sum_to_one() -> None:
    """66 of them, in steps of a tenth, each once."""
    tried = simplex(3)
    assert len(set(tried)) == len(tried) == 66
    assert np.array(tried).sum(axis=1) == pytest.approx(np.ones(66))
