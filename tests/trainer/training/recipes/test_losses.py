from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from tests.trainer.tiny_training import recipe
from trainer.models.age_model import AgeModel
from trainer.training.recipes.losses import TRAITS, AgeLoss, label_distribution, traits_loss

AGES = torch.tensor([20.0, 33.0, 61.5])


def test_label_distribution() -> None:
    """Every row sums to one and, away from the ends, has its mean at the label and the given width."""
    weights = label_distribution(AGES, 2.0)
    bins = torch.arange(101.0)
    assert weights.shape == (3, 101)
    assert weights.sum(1).tolist() == pytest.approx([1, 1, 1], abs=1e-6)
    assert (weights @ bins).tolist() == pytest.approx(AGES.tolist(), abs=1e-3)
    spread = (weights @ bins**2 - (weights @ bins) ** 2).sqrt()
    assert spread.tolist() == pytest.approx([2, 2, 2], abs=1e-3)


def test_label_distribution_by_hand() -> None:
    """Two years from the label a Gaussian of two years' width is exp(-1/2) of its peak."""
    row = label_distribution(torch.tensor([50.0]), 2.0)[0]
    assert float(row[52] / row[50]) == pytest.approx(math.exp(-0.5), rel=1e-5)
    assert float(row[50]) == pytest.approx(1 / (2 * math.sqrt(2 * math.pi)), rel=1e-4)


def test_label_distribution_at_the_ends() -> None:
    """Labels of 0 and of more than 100 years still give rows that sum to one and peak at the end."""
    weights = label_distribution(torch.tensor([0.0, 116.0]), 2.0)
    assert weights.sum(1).tolist() == pytest.approx([1, 1], abs=1e-6)
    assert weights.argmax(1).tolist() == [0, 100]


def test_distribution_loss_by_hand() -> None:
    """KL divergence of both rows, averaged, plus the weighted SmoothL1 of the expected value."""
    chosen = recipe(head="distribution", loss="distribution", sigma_years=3.0, expectation=0.5)
    loss = AgeLoss(AgeModel(chosen.architecture), chosen)
    scores = torch.zeros(2, 101)
    scores[1, 40] = 4.0
    labels = [30.0, 41.0]
    wanted = []
    for row, label in zip(scores.tolist(), labels, strict=True):
        gauss = [math.exp(-((bin_ - label) ** 2) / 18) for bin_ in range(101)]
        target = [g / sum(gauss) for g in gauss]
        total = sum(math.exp(s) for s in row)
        said = [math.exp(s) / total for s in row]
        divergence = sum(t * math.log(t / p) for t, p in zip(target, said, strict=True) if t > 0)
        off = abs(sum(p * bin_ for bin_, p in enumerate(said)) - label)
        wanted.append(divergence + 0.5 * (off - 0.5 if off >= 1 else off**2 / 2))
    assert float(loss(scores, torch.tensor(labels))) == pytest.approx(sum(wanted) / 2, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "oracle"),
    [("smooth_l1", functional.smooth_l1_loss), ("l1", functional.l1_loss), ("l2", functional.mse_loss)],
)
def test_point_losses(name: str, oracle: object) -> None:
    """A point loss is PyTorch's own on ages in years, though scores have shape (N, 1) and labels (N,)."""
    chosen = recipe(loss=name)
    loss = AgeLoss(AgeModel(chosen.architecture), chosen)
    scores = torch.tensor([[20.5], [30.0], [80.0]])
    assert callable(oracle)
    assert float(loss(scores, AGES)) == pytest.approx(float(oracle(scores[:, 0], AGES)))
    by_hand = {
        "smooth_l1": (0.125 + 2.5 + 18) / 3,
        "l1": (0.5 + 3 + 18.5) / 3,
        "l2": (0.25 + 9 + 18.5**2) / 3,
    }
    assert float(loss(scores, AGES)) == pytest.approx(by_hand[name])


def test_weighted_loss() -> None:
    """A face's loss counts as often as its weight says."""
    chosen = recipe(loss="l1")
    loss = AgeLoss(AgeModel(chosen.architecture), chosen)
    scores = torch.tensor([[21.0], [37.0], [61.5]])
    assert float(loss(scores, AGES, torch.tensor([2.0, 0.5, 1.0]))) == pytest.approx((2 * 1 + 0.5 * 4) / 3)


def test_traits_loss() -> None:
    """It is PyTorch's cross-entropy of gender plus that of group, and what is not given costs nothing."""
    scores = torch.randn(3, TRAITS, generator=torch.Generator().manual_seed(1))
    wanted = torch.zeros(3, TRAITS)
    wanted[0, 1] = wanted[0, 4] = wanted[1, 0] = 1
    losses = traits_loss(scores, wanted)
    gender = functional.cross_entropy(scores[:2, :2], torch.tensor([1, 0]), reduction="none")
    group = functional.cross_entropy(scores[:1, 2:], torch.tensor([2]), reduction="none")
    assert losses.tolist() == pytest.approx([float(gender[0] + group[0]), float(gender[1]), 0.0])


def test_taught_loss_by_hand() -> None:
    """The target is 0.7 of the label's distribution and 0.3 of the teacher's, its expected value too."""
    plain = recipe(head="distribution", loss="distribution", expectation=0.5)
    chosen = recipe(head="distribution", loss="distribution", expectation=0.5, teachers="another", distil=0.3)
    model = AgeModel(chosen.architecture)
    scores = torch.randn(1, 101, generator=torch.Generator().manual_seed(0))
    label, teacher = torch.tensor([30.0]), torch.zeros(1, 101)
    teacher[0, 40] = 1.0
    target = 0.7 * label_distribution(label, chosen.sigma_years) + 0.3 * teacher
    said = scores.softmax(dim=1)
    divergence = float((target * (target.clamp_min(1e-30).log() - said.log())).sum())
    off = abs(float(said @ torch.arange(101.0)) - 33.0)
    wanted = divergence + 0.5 * (off - 0.5)
    assert off > 1
    assert float(AgeLoss(model, chosen)(scores, label, taught=0.3 * teacher)) == pytest.approx(
        wanted, rel=1e-4
    )
    untaught = AgeLoss(model, chosen)(scores, label, taught=torch.zeros(1, 101))
    assert float(untaught) == pytest.approx(float(AgeLoss(model, plain)(scores, label)), rel=1e-6)


def test_an_exact_age_costs_the_same_with_windows() -> None:
    """A window without width changes nothing for its face."""
    chosen = recipe(head="distribution", loss="distribution")
    loss = AgeLoss(AgeModel(chosen.architecture), chosen)
    scores, exact = torch.randn(3, 101, generator=torch.manual_seed(0)), torch.stack([AGES, AGES], 1)
    assert float(loss(scores, AGES, windows_years=exact)) == pytest.approx(float(loss(scores, AGES)))


def test_a_window_costs_minus_the_logarithm_of_the_mass_inside() -> None:
    """Mass inside the window costs nothing wherever it lies; mass outside costs as much as is missing."""
    chosen = recipe(head="distribution", loss="distribution", expectation=0.0)
    loss = AgeLoss(AgeModel(chosen.architecture), chosen)
    scores = torch.full((2, 101), -30.0)
    scores[0, [50, 54]] = 10.0
    scores[1, [50, 70]] = 10.0
    window = torch.tensor([[50.0, 55.0]])
    costs = [float(loss(row[None], torch.tensor([52.5]), windows_years=window)) for row in scores]
    assert costs == pytest.approx([0, math.log(2)], abs=1e-4)


def test_an_expected_age_inside_the_window_costs_nothing() -> None:
    """Only what lies beyond an end of the window costs."""
    chosen = recipe(head="distribution", loss="distribution", expectation=1.0)
    loss = AgeLoss(AgeModel(chosen.architecture), chosen)
    scores = torch.full((1, 101), -30.0)
    scores[0, 57] = 10.0
    inside, beyond = (
        float(loss(scores, torch.tensor([50.0]), windows_years=torch.tensor([[50.0, end]])))
        for end in (60.0, 56.9)
    )
    assert inside == pytest.approx(0, abs=1e-4)
    assert beyond > 30


def test_a_face_that_teachers_alone_know() -> None:
    """A teacher's distribution that sums to a hair more than one is learnt whole, without a label's share."""
    chosen = recipe(head="distribution", loss="distribution", teachers="another", distil=0.3)
    loss = AgeLoss(AgeModel(chosen.architecture), chosen)
    teacher = label_distribution(torch.tensor([40.0]), 3.0) * 1.000001
    scores = torch.randn(1, 101, generator=torch.manual_seed(0))
    costs = [float(loss(scores, torch.tensor([age]), taught=teacher)) for age in (0.0, 90.0)]
    assert costs[0] == pytest.approx(costs[1], rel=1e-4)
