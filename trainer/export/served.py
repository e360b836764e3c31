"""What a run makes of packed crops: ages, activations, the crops as they are served."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from simsvc.values import Crop
from trainer.datasets.corpus import Corpus
from trainer.datasets.pack import CROP_PX
from trainer.evaluation.neighbours import Traits
from trainer.models import backbones
from trainer.models.age_model import AgeModel
from trainer.models.mirror import with_mirror
from trainer.training import augment
from trainer.training import recipe as recipes
from trainer.training.activations import extract
from trainer.training.ensemble import Ensemble

_BATCH = 128


def measured(
    model: AgeModel | Ensemble,
    recipe: recipes.Recipe,
    corpus: Corpus,
    positions: NDArray[np.int64],
    layer: str,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return ages (N,) and a layer's activations (N, F) of packed crops, mirrored too if it must."""
    ages, activations = _passed(model, recipe, corpus, positions, layer)
    return ages.mean(axis=0), activations.mean(axis=0)


def _passed(
    model: AgeModel | Ensemble,
    recipe: recipes.Recipe,
    corpus: Corpus,
    positions: NDArray[np.int64],
    layer: str,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return ages (V, N) and activations (V, N, F) of V views: the crop, and its mirror where averaged."""
    spec, views = backbones.BODIES[recipe.body], 2 if recipe.flip_average else 1
    ages, activations = [], []
    with torch.no_grad():
        for start in tqdm(range(0, len(positions), _BATCH), desc="embed", unit="batch"):
            squares = corpus.pack.crops[positions[start : start + _BATCH]]
            crops = augment.batch(squares, recipe.final_px, spec.mean, spec.std, view=recipe.view)
            age, activation = extract(model, layer, with_mirror(crops) if views == 2 else crops)
            ages.append(age.reshape(views, -1).numpy())
            activations.append(activation.reshape(views, -1, activation.shape[1]).numpy())
    return np.concatenate(ages, axis=1), np.concatenate(activations, axis=1)


def layer_sizes(model: AgeModel | Ensemble, recipe: recipes.Recipe, layer: str) -> list[int]:
    """Return how many activations each of the layers joined by "+" has."""
    blank = torch.zeros(1, 3, recipe.final_px, recipe.final_px)
    with torch.no_grad():
        return [extract(model, name, blank)[1].shape[1] for name in layer.split("+")]


def traits(corpus: Corpus, positions: NDArray[np.int64]) -> Traits:
    """Return what is known of the faces at these positions."""
    rows = [corpus.data.rows[position] for position in positions]
    return Traits(
        corpus.ages_years[positions],
        np.array([row.gender or "" for row in rows]),
        np.array([row.group or "" for row in rows]),
    )


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
