from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from simsvc.domain.estimate.age_distribution import point_years
from simsvc.errors import SettingsError
from tests.simsvc.domain.estimate.helpers import bump
from trainer.models.age_model import POINTS, AgeModel, Architecture, median
from trainer.training.ensembles.activations import extract


def crops(count: int = 3, size_px: int = 32) -> torch.Tensor:
    """Return random normalised crops, the same every time."""
    return torch.randn(count, 3, size_px, size_px, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def regression() -> AgeModel:
    """Return a small regression model with random weights, in evaluation mode."""
    torch.manual_seed(0)
    return AgeModel(Architecture("resnet18")).eval()


def hooks(model: nn.Module) -> int:
    """Count the forward hooks of a model and all its modules."""
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


def test_regression_head_layer_by_layer(regression: AgeModel) -> None:
    """The head is the origin's: concatenated pooling, two normed and dropped layers, 512, 16 and 1 units."""
    layers = [(type(layer).__name__, layer) for layer in regression.head]
    assert [name for name, _ in layers] == [
        *("AdaptiveConcatPool2d", "Flatten", "BatchNorm1d", "Dropout", "Linear", "ReLU"),
        *("BatchNorm1d", "Dropout", "Linear", "ReLU", "Linear"),
    ]
    linear = [(layer.in_features, layer.out_features) for _, layer in layers if isinstance(layer, nn.Linear)]
    assert linear == [(1024, 512), (512, 16), (16, 1)]
    norms = [layer.num_features for _, layer in layers if isinstance(layer, nn.BatchNorm1d)]
    assert norms == [1024, 512]
    assert [layer.p for _, layer in layers if isinstance(layer, nn.Dropout)] == [0.5, 0.5]


def test_concat_pool(regression: AgeModel) -> None:
    """The pooling gives every channel's maximum, then every channel's mean."""
    features = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]], [[-4.0, -1.0], [-2.0, -1.0]]]])
    pooled = regression.head[0](features)
    assert pooled.shape == (1, 4, 1, 1)
    assert pooled.flatten().tolist() == [6.0, -1.0, 3.0, -2.0]


def test_regression_ages(regression: AgeModel) -> None:
    """A regression model's single score is the age."""
    assert regression.ages(torch.tensor([[31.5], [-2.0]])).tolist() == [31.5, -2.0]
    assert regression(crops()).shape == (3, 1)


def test_distribution_ages() -> None:
    """The estimate is the expected value: (20 + 3 * 40) / 4 where 40 is three times as likely as 20."""
    model = AgeModel(Architecture("resnet18", "distribution", 32)).eval()
    assert model(crops()).shape == (3, 101)
    scores = torch.full((2, 101), -1e9)
    scores[0, 20], scores[0, 40] = 1.0, 1.0 + torch.log(torch.tensor(3.0))
    scores[1] = 7.0
    assert model.ages(scores).tolist() == pytest.approx([35.0, 50.0], abs=1e-4)


def test_starts_at_the_mean_age() -> None:
    """The regression head starts from the given age."""
    model = AgeModel(Architecture("resnet18", hidden=32)).eval()
    model.start_at(33.0)
    last = model.head[-1]
    assert isinstance(last, nn.Linear)
    assert last.bias.item() == 33.0


def test_extract_is_a_plain_forward(regression: AgeModel) -> None:
    """Ages are those of a plain forward, activations those of running the layers up to the named one."""
    x = crops()
    with torch.no_grad():
        ages, activations = extract(regression, "head.relu_1", x)
        by_hand = regression.body(x)
        for name, layer in regression.head.named_children():
            by_hand = layer(by_hand)
            if name == "relu_1":
                break
        assert torch.equal(ages, regression.ages(regression(x)))
        assert torch.equal(activations, by_hand)
    assert activations.shape == (3, 512)
    assert activations.min() == 0


def test_extract_before_a_relu_in_place(regression: AgeModel) -> None:
    """What a layer gave is kept as it was, though the ReLU behind it writes over it."""
    x = crops()
    with torch.no_grad():
        _, activations = extract(regression, "body.bn1", x)
        by_hand = regression.body.bn1(regression.body.conv1(x))  # type: ignore[operator]  # modules by name
    assert torch.equal(activations, by_hand.flatten(1))
    assert activations.min() < 0


def test_extract_leaves_no_hook(regression: AgeModel) -> None:
    """No hook is left behind, neither after a pass nor after one that fails half way."""
    assert hooks(regression) == 0
    extract(regression, "head.linear_1", crops())
    assert hooks(regression) == 0
    with pytest.raises(RuntimeError):
        extract(regression, "head.linear_1", torch.zeros(2, 4, 32, 32))
    assert hooks(regression) == 0


def test_extract_of_unknown_layer(regression: AgeModel) -> None:
    """A layer that is not there gives a sentence with the layers that are."""
    with pytest.raises(SettingsError, match=r"no layer 'head\.nowhere'; .*head\.relu_1"):
        extract(regression, "head.nowhere", crops())


@pytest.mark.parametrize(("body", "head"), [("vgg", "regression"), ("resnet18", "ordinal")])
def test_unknown_architecture(body: str, head: str) -> None:
    """A body or head that is not known gives a sentence with those that are."""
    with pytest.raises(SettingsError, match="choose one of"):
        Architecture(body, head)


def test_extract_of_several_layers(regression: AgeModel) -> None:
    """Layers joined by "+" stand side by side, in that order, and ":mean" averages over height and width."""
    x = crops()
    with torch.no_grad():
        ages, both = extract(regression, "body:mean+head.relu_1", x)
        _, second = extract(regression, "head.relu_1", x)
        features = regression.body(x)
        assert torch.equal(ages, regression.ages(regression(x)))
    assert torch.equal(both[:, -512:], second)
    assert torch.allclose(both[:, :-512], features.mean((2, 3)))
    assert hooks(regression) == 0


def test_taught_traits_leave_the_age_alone(regression: AgeModel) -> None:
    """Scores of traits stand behind those of the age, which stay as they were."""
    x = crops()
    with torch.no_grad():
        ages = regression.ages(regression(x))
        regression.teach_traits(7)
        try:
            scores = regression.eval()(x)
        finally:
            regression.traits = None
    assert scores.shape == (3, regression.outputs + 7)
    assert torch.equal(regression.ages(scores), ages)


@given(st.lists(st.floats(0, 1), min_size=101, max_size=101).filter(lambda shares: sum(shares) > 0.1))
@settings(max_examples=60, deadline=None)
def test_median(shares: list[float]) -> None:
    """Half of a distribution lies below its median, each bin's share being even over its year."""
    rows = torch.tensor([shares], dtype=torch.float32)
    rows = rows / rows.sum()
    found = float(median(rows)[0])
    upto = np.concatenate([[0.0], rows[0].double().cumsum(0).numpy()])
    below = float(np.interp(found, np.arange(102) - 0.5, upto))
    assert 0 <= found <= 100.5
    assert below == pytest.approx(0.5, abs=1e-4) or (found == 0 and below >= 0.5)


def test_median_is_the_point_of_least_absolute_error() -> None:
    """No other age is nearer on average to ages drawn from the distribution, which the mean is not."""
    shares = torch.zeros(1, 101)
    shares[0, 20], shares[0, 22], shares[0, 80] = 0.4, 0.3, 0.3
    drawn = np.repeat([20.0, 22.0, 80.0], [4, 3, 3])
    errors = [np.abs(drawn - at).mean() for at in np.arange(0, 100, 0.5)]
    found = float(median(shares)[0])
    assert np.abs(drawn - round(found)).mean() == pytest.approx(min(errors))
    assert np.abs(drawn - float(shares @ torch.arange(101.0))).mean() > min(errors) + 5


def test_estimates_by_the_median() -> None:
    """An architecture with the point "median" tells it, and one with "mean" the expected value."""
    scores = torch.full((1, 101), -20.0)
    scores[0, 10], scores[0, 90] = 1.0, 0.0
    by = {p: AgeModel(Architecture("resnet18", "distribution", point=p)).ages(scores) for p in POINTS}
    assert float(by["median"][0]) == pytest.approx(10, abs=0.5)
    assert 25 < float(by["mean"][0]) < 40
    with pytest.raises(SettingsError, match="point"):
        Architecture("resnet18", "distribution", point="mode")


def test_the_service_tells_the_same_median() -> None:
    """The median of the service is that of the graph's own head, at both ends of the scale, too."""
    rows = np.stack([bump(0, 1), bump(33.3, 4), bump(71, 12), bump(100, 1)]).astype(np.float32)
    served = [point_years(row.astype(np.float64), "median") for row in rows]
    assert served == pytest.approx(median(torch.from_numpy(rows)).numpy(), abs=1e-3)
