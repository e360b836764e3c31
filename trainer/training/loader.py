"""Batches for fastai's loop, cut from the pack."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from fastai.basics import DataLoader
from numpy.typing import NDArray
from torch import Tensor

from trainer.models import backbones
from trainer.training.augmentation import augment
from trainer.training.recipes.recipe import Recipe


@dataclass(frozen=True, slots=True, eq=False)
class TrainingData:
    """Training and validation data of a run; what the recipe has no use for is None.

    A row of `taught` is the teachers' mean distribution times the share of the target that is theirs, so that
    zeros teach nothing. Validation knows no weights.
    """

    squares: NDArray[np.uint8]  # (N, P, P, 3), packed
    ages_years: NDArray[np.float32]  # (N,)
    train: NDArray[np.int64]  # positions to learn from
    valid: NDArray[np.int64]  # positions that choose the best epoch
    weights: NDArray[np.float32] | None = None  # (N,), of each face in the training loss, None for 1
    traits: NDArray[np.float32] | None = None  # (N, TRAITS), one-hots of gender and group
    taught: NDArray[np.float32] | None = None  # (N, AGE_BINS)
    windows_years: NDArray[np.float32] | None = None  # (N, 2), window of each age, None if all are exact
    draws: NDArray[np.float64] | None = None  # how likely each of `train` is drawn, None: once each


class FaceLoader(DataLoader):  # type: ignore[misc]  # fastai has no type information
    """fastai's loader over positions in a pack; a batch is cut, varied and normalised at once.

    Where the pack is given as a tensor on a GPU too, that is done there: a CPU could not keep up.
    """

    def __init__(
        self,
        data: TrainingData,
        positions: NDArray[np.int64],
        recipe: Recipe,
        train: bool,
        resident: Tensor | None = None,
    ) -> None:
        self.data, self.recipe, self.training, self.resident = data, recipe, train, resident
        self.size_px = recipe.schedule[0].size_px
        spec = backbones.BODIES[recipe.body]
        self.mean, self.std = spec.mean, spec.std
        values = {key: getattr(recipe, key) for key in augment.KEYS}
        self.strength = augment.Strength(**values) if train else None
        self.drawn = recipe.epoch_faces if train and data.draws is not None else 0
        size, count = recipe.batch, self.drawn or None
        super().__init__(positions.tolist(), bs=size, shuffle=train, drop_last=train, num_workers=0, n=count)

    def shuffle_fn(self, positions: list[int]) -> list[int]:
        """Return what an epoch takes, in its order: every face once, or as many as are drawn of them."""
        if not self.drawn or self.data.draws is None:
            return list(self.rng.sample(positions, len(positions)))
        return list(self.rng.choices(range(len(self.dataset)), self.data.draws.tolist(), k=self.drawn))

    def create_batch(self, positions: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return crops float32 (N, 3, S, S), and targets float32 (N, 2 or more).

        They are age, loss weight, and, where given, the window's ends, traits and the teachers' distribution.
        """
        at = np.asarray(positions)
        squares = self.data.squares[at] if self.resident is None else self.resident[torch.from_numpy(at)]
        view = self.recipe.view
        crops = augment.batch(squares, self.size_px, self.mean, self.std, self.strength, view=view)
        weights = np.ones(len(at), np.float32)
        if self.training and self.data.weights is not None:
            weights = self.data.weights[at]
        targets = [np.stack([self.data.ages_years[at], weights], axis=1)]
        parts = (self.data.windows_years, self.data.traits, self.data.taught)
        targets += [more[at] for more in parts if more is not None]
        return crops, torch.from_numpy(np.concatenate(targets, axis=1))

    def reseed(self, seed: int) -> None:
        """Make the next epoch's order depend on this seed alone."""
        self.rng = random.Random(seed)  # noqa: S311 - the order of training faces is no secret
