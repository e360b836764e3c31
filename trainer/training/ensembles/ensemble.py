"""Several models as one: their distributions are averaged, and each sees the crop as it was taught to.

Source: Lakshminarayanan, Pritzel and Blundell, "Simple and Scalable Predictive Uncertainty Estimation using
Deep Ensembles", NeurIPS 2017, section 2.4: the mean of the distributions, not of the estimates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from trainer.datasets.pack import CROP_PX
from trainer.models import backbones
from trainer.models.age_model import AGE_BINS, AgeModel, Architecture, median
from trainer.training.ensembles.likeness import Likeness
from trainer.training.recipes.recipe import Recipe

STEP = 0.1  # Weights of members are tried in such steps


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One model of an ensemble."""

    recipe: Recipe  # how it was taught: what it sees, how wide and how large
    model: AgeModel  # its weights, in evaluation mode


class Seen(nn.Module):
    """Convert the ensemble's crops to a member's input: crop, size, scale.

    Cutting and resizing are one product with a matrix from each side, as `augment.batch` resizes.
    """

    def __init__(self, member: Recipe, whole: Recipe) -> None:
        super().__init__()
        mine, given = backbones.BODIES[member.body], backbones.BODIES[whole.body]
        scale = torch.from_numpy(np.array(given.std) / np.array(mine.std)).float()
        shift = torch.from_numpy((np.array(given.mean) - np.array(mine.mean)) / np.array(mine.std)).float()
        self.resize: Tensor
        self.scale: Tensor
        self.shift: Tensor
        matrix = resizing(whole.final_px, round(CROP_PX * member.view), member.final_px)
        self.register_buffer("resize", matrix, persistent=False)
        self.register_buffer("scale", scale.view(1, 3, 1, 1), persistent=False)
        self.register_buffer("shift", shift.view(1, 3, 1, 1), persistent=False)

    def forward(self, crops: Tensor) -> Tensor:
        """Return float32 (N, 3, s, s) of crops (N, 3, S, S)."""
        return self.resize @ crops @ self.resize.T * self.scale + self.shift


def resizing(crop_px: int, view_px: int, seen_px: int) -> Tensor:
    """Return float32 (seen_px, crop_px): cut the middle `view_px` of a column out and resize it."""
    unit = torch.eye(view_px)[None, None]
    matrix = functional.interpolate(unit, (seen_px, view_px), mode="bilinear", antialias=True)[0, 0]
    edge = (crop_px - view_px) // 2
    return functional.pad(matrix, (edge, crop_px - view_px - edge))


class Ensemble(nn.Module):
    """Crops to logarithms of the members' mean distribution, then of each member's: (N, (1 + M) AGE_BINS).

    It has the face of `AgeModel`: `ages`, `shares`, `offsets`, `architecture`. A member's layers are named
    after its place, as in "members.0.head.flatten". All members have distribution heads. `whole` is the
    ensemble's own recipe: its crops and its point.

    `weights` has a row of M weights that sum to one, or two rows with a `likeness`: then the second is of
    photos like those of one source, the first of all others, and a photo in between gets a mean of both.
    Source: Jacobs, Jordan, Nowlan and Hinton, "Adaptive Mixtures of Local Experts", Neural Computation 3,
    1991, for weights that depend on what is seen.
    """

    def __init__(
        self,
        members: Sequence[Member],
        whole: Recipe,
        weights: Sequence[Sequence[float]],
        likeness: Likeness | None = None,
    ) -> None:
        super().__init__()
        self.seen = nn.ModuleList(Seen(member.recipe, whole) for member in members)
        self.members = nn.ModuleList(member.model for member in members)
        self.architecture: Architecture = whole.architecture
        self.bodies = tuple(member.recipe.body for member in members)
        self.offsets: Tensor
        self.bins: Tensor
        self.weights: Tensor
        self.register_buffer("offsets", torch.zeros(AGE_BINS), persistent=False)
        self.register_buffer("bins", torch.arange(AGE_BINS, dtype=torch.float32), persistent=False)
        self.register_buffer("weights", torch.tensor(weights, dtype=torch.float32), persistent=True)
        self.like: nn.Linear | None = None if likeness is None else likeness.layer()

    def forward(self, crops: Tensor) -> Tensor:
        """Return the logarithms."""
        found = [self._told(number, crops) for number in range(len(self.members))]
        told = torch.stack([shares for shares, _ in found], dim=1)
        weights = self._weights(found[0][1])
        mixed = (weights.unsqueeze(2) * told).sum(dim=1)
        return torch.cat([mixed, told.flatten(1)], dim=1).clamp_min(1e-12).log()

    def _told(self, number: int, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Return a member's distribution, (N, AGE_BINS), and its pooled features, (N, F)."""
        member = self.members[number]
        assert isinstance(member, AgeModel)  # noqa: S101 - told to mypy
        scores, pooled = member.scores_and_pooled(self.seen[number](crops))
        return scores.float()[:, :AGE_BINS].softmax(dim=1), pooled

    def _weights(self, pooled: Tensor) -> Tensor:
        """Return the members' weights of each photo, (N, M), by the first member's pooled features."""
        if self.like is None:
            rows = torch.ones_like(pooled[:, :1])
        else:
            like = self.like(pooled.float()).sigmoid()
            rows = torch.cat([1 - like, like], dim=1)
        weights: Tensor = rows @ self.weights
        return weights

    def shares(self, scores: Tensor) -> Tensor:
        """Return the distribution over ages, float32 (N, AGE_BINS), of what `forward` gives."""
        return self._shifted(scores[:, :AGE_BINS])

    def ages(self, scores: Tensor) -> Tensor:
        """Return ages in years, float32 (N,): the `point` of the distribution."""
        return self._point(self.shares(scores))

    def view_ages(self, scores: Tensor) -> Tensor:
        """Return each member's estimate in years, float32 (N, M)."""
        parts = [scores[:, start : start + AGE_BINS] for start in range(AGE_BINS, scores.shape[1], AGE_BINS)]
        return torch.stack([self._point(self._shifted(part)) for part in parts], dim=1)

    def _shifted(self, logs: Tensor) -> Tensor:
        return (logs + self.offsets).softmax(dim=1)

    def _point(self, shares: Tensor) -> Tensor:
        return median(shares) if self.architecture.point == "median" else shares @ self.bins


def best_weights(
    shares: NDArray[np.float32], ages_years: NDArray[np.float32], sources: NDArray[np.str_]
) -> tuple[tuple[float, ...], dict[tuple[float, ...], float]]:
    """Return the members' weights: equal ones, unless others are better beyond chance.

    What is compared is the mean, over sources, of the mean absolute errors. Of all weights within one
    standard error of the best, those nearest to equal ones are taken. Source: Smith and Wallis, "A Simple
    Explanation of the Forecast Combination Puzzle", Oxford Bulletin of Economics and Statistics 71, 2009
    (weights that are estimated on few errors do worse than equal ones); Breiman et al., "Classification and
    Regression Trees", 1984, section 3.4.3, for the rule of one standard error.
    `shares` is float32 (M, N, AGE_BINS), ages and sources are (N,). Returned beside the weights is that mean,
    in years, of all weights in steps of `STEP` that sum to one.
    """
    tried = simplex(len(shares))
    mixed = [torch.from_numpy(np.tensordot(np.array(weights), shares, axes=1)).float() for weights in tried]
    off = np.stack([np.abs(median(one).numpy() - ages_years) for one in mixed]).astype(np.float64)
    parts = [off[:, sources == name] for name in sorted(set(sources.tolist()))]
    found = np.mean([part.mean(axis=1) for part in parts], axis=0)
    best = int(np.argmin(found))
    spread = [(part - part[best]).var(axis=1) / part.shape[1] for part in parts]
    error = np.sqrt(np.sum(spread, axis=0)) / len(parts)
    alike = np.flatnonzero(found - found[best] <= error)
    unequal = np.abs(np.array(tried)[alike] - 1 / len(shares)).sum(axis=1)
    chosen = tried[alike[int(np.argmin(unequal))]]
    return chosen, dict(zip(tried, found.tolist(), strict=True))


def simplex(members: int) -> list[tuple[float, ...]]:
    """Return all weights of so many members that are multiples of `STEP` and sum to one."""
    steps = round(1 / STEP)
    counts = [c for c in product(range(steps + 1), repeat=members) if sum(c) == steps]
    return [tuple(round(count * STEP, 6) for count in some) for some in counts]
