"""Outputs of a run for packed crops: ages, activations, served crops."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from simsvc.values import Crop
from trainer.datasets.corpus import Corpus
from trainer.datasets.pack import CROP_PX
from trainer.evaluation.neighbours import Traits
from trainer.models import backbones
from trainer.models.age_model import AGE_BINS, AgeModel
from trainer.models.mirror import with_mirror
from trainer.training.augmentation import augment
from trainer.training.ensembles.activations import extract
from trainer.training.ensembles.ensemble import Ensemble
from trainer.training.recipes import recipe as recipes

_BATCH = 16  # faces: activations of 128 leave the cache, and a network takes three times as long


def measured(
    model: AgeModel | Ensemble,
    recipe: recipes.Recipe,
    corpus: Corpus,
    positions: NDArray[np.int64],
    layer: str,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return ages (N,) and a layer's activations (N, F) of packed crops, mirrored too if it must."""
    views, ages, activations = _views(recipe), [], []
    with torch.no_grad():
        for crops in _batches(recipe, corpus, positions, "embed"):
            age, activation = extract(model, layer, crops)
            ages.append(age.reshape(views, -1).mean(dim=0).numpy())
            activations.append(activation.reshape(views, -1, activation.shape[1]).mean(dim=0).numpy())
    return np.concatenate(ages), np.concatenate(activations)


def scores(
    model: AgeModel | Ensemble, recipe: recipes.Recipe, corpus: Corpus, positions: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the scores of every age, float32 (V, N, AGE_BINS), of V views of packed crops."""
    views = _views(recipe)
    with torch.no_grad():
        found = [
            model(crops)[:, :AGE_BINS].reshape(views, -1, AGE_BINS).numpy()
            for crops in _batches(recipe, corpus, positions, "score")
        ]
    return np.concatenate(found, axis=1)


def _views(recipe: recipes.Recipe) -> int:
    return 2 if recipe.flip_average else 1


def _batches(
    recipe: recipes.Recipe, corpus: Corpus, positions: NDArray[np.int64], what: str
) -> Iterator[Tensor]:
    """Yield the packed crops as the model takes them, each batch followed by its mirror where averaged."""
    spec = backbones.BODIES[recipe.body]
    for start in tqdm(range(0, len(positions), _BATCH), desc=what, unit="batch"):
        squares = corpus.pack.crops[positions[start : start + _BATCH]]
        crops = augment.batch(squares, recipe.final_px, spec.mean, spec.std, view=recipe.view)
        yield with_mirror(crops) if recipe.flip_average else crops


def layer_sizes(model: AgeModel | Ensemble, recipe: recipes.Recipe, layer: str) -> list[int]:
    """Return how many activations each of the layers joined by "+" has."""
    blank = torch.zeros(1, 3, recipe.final_px, recipe.final_px)
    with torch.no_grad():
        return [extract(model, name, blank)[1].shape[1] for name in layer.split("+")]


def traits(corpus: Corpus, positions: NDArray[np.int64]) -> Traits:
    """Return what is known of the faces at these positions."""
    rows = [corpus.data.rows[position] for position in positions]
    genders, groups = [row.gender or "" for row in rows], [row.group or "" for row in rows]
    return Traits(corpus.ages_years[positions], np.array(genders), np.array(groups))


def packed_crops(corpus: Corpus, positions: NDArray[np.int64], size_px: int, view: float = 1.0) -> list[Crop]:
    """Return the packed crops at these positions, of side `size_px`, as wide as the view."""
    side_px = round(CROP_PX * view)
    crops = []
    for position in positions:
        square = corpus.pack.crops[position]
        edge = (square.shape[0] - side_px) // 2
        inner = Image.fromarray(square[edge : edge + side_px, edge : edge + side_px])
        crops.append(Crop(np.asarray(inner.resize((size_px, size_px), Image.Resampling.BILINEAR))))
    return crops
