"""The age model: a body cut before its classifier, a head, and a hooked feature extractor."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from simsvc.errors import SettingsError
from trainer.models import backbones

AGE_BINS = 101
"""Bins of the distribution head: whole years 0..100. Source: DEX, Rothe et al., IJCV 2018, section 3.2."""
HEADS = ("regression", "distribution")
POINTS = ("mean", "median")
_UPTO = torch.ones(AGE_BINS, AGE_BINS).triu()


@dataclass(frozen=True, slots=True)
class Architecture:
    """What an `AgeModel` is built from; travels in `model.json`."""

    body: str = "resnet34"  # name in `trainer.models.backbones.BODIES`
    head: str = "regression"  # or "distribution": softmax over 101 ages
    hidden: int = 512  # units
    dropout: float = 0.5
    point: str = "mean"  # of the distribution, or "median"

    def __post_init__(self) -> None:
        known = {"body": backbones.BODIES, "head": HEADS, "point": POINTS}
        for kind, names in known.items():
            if (name := getattr(self, kind)) not in names:
                raise SettingsError(f"There is no {kind} {name!r}; choose one of {', '.join(names)}.")

    def as_dict(self) -> dict[str, str | int | float]:
        """Return plain values for JSON."""
        return asdict(self)


class AdaptiveConcatPool2d(nn.Module):
    """Concatenate global maximum and mean: (N, C, H, W) -> (N, 2 C, 1, 1). Source: fastai's layer."""

    def forward(self, x: Tensor) -> Tensor:
        """Return maximum first, then mean."""
        return torch.cat([functional.adaptive_max_pool2d(x, 1), functional.adaptive_avg_pool2d(x, 1)], dim=1)


def _head(channels: int, architecture: Architecture) -> nn.Sequential:
    hidden, dropout = architecture.hidden, architecture.dropout
    layers: list[tuple[str, nn.Module]] = [
        ("pool", AdaptiveConcatPool2d()),
        ("flatten", nn.Flatten()),
        ("norm_1", nn.BatchNorm1d(2 * channels)),
        ("drop_1", nn.Dropout(dropout)),
        ("linear_1", nn.Linear(2 * channels, hidden)),
        ("relu_1", nn.ReLU()),
        ("norm_2", nn.BatchNorm1d(hidden)),
        ("drop_2", nn.Dropout(dropout)),
    ]
    if architecture.head == "regression":
        layers += [("linear_2", nn.Linear(hidden, 16)), ("relu_2", nn.ReLU()), ("linear_3", nn.Linear(16, 1))]
    else:
        layers += [("linear_2", nn.Linear(hidden, AGE_BINS))]
    return nn.Sequential(OrderedDict(layers))


class AgeModel(nn.Module):
    """Crops to age: `body` (cut before its classifier), then `head`.

    Input float32 (N, 3, S, S), normalised with the body's own mean and deviation. Output: raw scores (N, 1)
    or (N, 101); `ages` turns them into years, after adding `offsets`, float32 (101,)
    (see `trainer.training.age_prior`): zeros until a run is exported, and no weight of the run.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.body = backbones.build(architecture.body)
        self.head = _head(backbones.BODIES[architecture.body].channels, architecture)
        self.traits: nn.Linear | None = None
        self.bins: Tensor
        self.offsets: Tensor
        self.register_buffer("offsets", torch.zeros(AGE_BINS), persistent=False)
        self.register_buffer("bins", torch.arange(AGE_BINS, dtype=torch.float32), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return raw scores (N, 1) or (N, 101), and behind them the traits' scores while they are taught."""
        scores, pooled = self.scores_and_pooled(x)
        return scores if self.traits is None else torch.cat([scores, self.traits(pooled)], dim=1)

    def scores_and_pooled(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return raw scores, and the body's pooled features (N, 2 C)."""
        pool, flatten, *layers = self.head
        pooled: Tensor = flatten(pool(self.body(x)))
        scores = pooled
        for layer in layers:
            scores = layer(scores)
        return scores, pooled

    @property
    def outputs(self) -> int:
        """How many of the scores are of the age."""
        return 1 if self.architecture.head == "regression" else AGE_BINS

    def teach_traits(self, count: int) -> None:
        """Add scores of `count` traits, linear in the pooled features.

        They serve training alone, so that faces that look alike have features alike; a run keeps no weights
        of them.
        """
        self.traits = nn.Linear(2 * backbones.BODIES[self.architecture.body].channels, count)

    def ages(self, scores: Tensor) -> Tensor:
        """Return ages in years, float32 (N,): the output itself, or the distribution's `point`."""
        if self.architecture.head == "regression":
            return scores.float()[:, 0]
        return self.expected(scores) if self.architecture.point == "mean" else median(self.shares(scores))

    def expected(self, scores: Tensor) -> Tensor:
        """Return the distribution's expected value in years, float32 (N,)."""
        return self.shares(scores) @ self.bins

    def shares(self, scores: Tensor) -> Tensor:
        """Return the distribution over ages of 0 to 100 years, float32 (N, AGE_BINS), rows summing to 1."""
        return (scores[:, :AGE_BINS].float() + self.offsets).softmax(dim=1)

    def start_at(self, age_years: float) -> None:
        """Set the regression head's last bias, so that training starts from the mean age instead of zero."""
        last = self.head[-1]
        if self.architecture.head == "regression" and isinstance(last, nn.Linear):
            nn.init.constant_(last.bias, age_years)


def median(shares: Tensor) -> Tensor:
    """Return the median in years, float32 (N,), of shares (N, AGE_BINS) that sum to one, 0 at the least.

    Each bin holds its share evenly over the year around its age. A bin below the median counts as a whole
    year, the median's own by the part of it that lies below, so that the sum is where half is reached. The
    median has the least mean absolute error of all points, the expected value the least squared error.
    Source: Koenker and Bassett, "Regression Quantiles", Econometrica 46, 1978, section 1.
    """
    upto = shares @ _UPTO.to(shares.device)
    parts = (0.5 - (upto - shares)) / shares.clamp_min(1e-12)
    return (parts.clamp(0, 1).sum(dim=1) - 0.5).clamp_min(0)
