"""What earlier runs make of the faces that a new one learns from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from simsvc.adapters.ops.atomic_files import replace_text
from simsvc.domain.estimate.doubt import Answer
from simsvc.errors import SettingsError
from trainer.models import backbones
from trainer.models.age_model import AGE_BINS, AgeModel
from trainer.models.mirror import with_mirror
from trainer.training.augmentation import augment
from trainer.training.ensembles.ensemble import Ensemble
from trainer.training.precision import autocast
from trainer.training.recipes.recipe import Recipe
from trainer.training.runs import load_any

_BATCH = 16  # faces: activations of 128 leave the cache, and a network takes three times as long
KEPT = Path("work/taught")
"""Where the estimates of a mixture's teachers are kept, relative to the working directory."""


def taught(
    runs: Sequence[Path], squares: NDArray[np.uint8], tells: Sequence[NDArray[np.int64]]
) -> NDArray[np.float32]:
    """Return the mean distributions of the teachers that tell of a face: float32 (N, AGE_BINS), else zeros.

    Each sees crop and mirror of packed faces (N, P, P, 3) at its own size; `tells` has each one's positions.

    Raises:
        SettingsError: a folder holds no finished run, or one that tells no distribution.
    """
    shares = np.zeros((len(squares), AGE_BINS), np.float32)
    voices = np.zeros((len(squares), 1), np.float32)
    for folder, positions in zip(runs, tells, strict=True):
        shares[positions] += shares_of(folder, squares, positions)
        voices[positions] += 1
    return np.divide(shares, voices, out=shares, where=voices > 0)


def corrected(
    ages_years: NDArray[np.float32], told: NDArray[np.float32], most_years: float
) -> NDArray[np.float32]:
    """Return float32 (N,): labels, or the teachers' expected value if a label is too far from it.

    Source: Han, Luo and Wang, "Deep Self-Learning From Noisy Labels", ICCV 2019, section 3, correct labels by
    what the network makes of the pictures; here the teachers never saw the faces that they correct.
    `told` is what `taught` returns; a row of zeros leaves the label as it is.
    """
    expected = told @ np.arange(AGE_BINS, dtype=np.float32)
    wrong = told.any(axis=1) & (np.abs(ages_years - expected) > most_years)
    return np.where(wrong, expected, ages_years).astype(np.float32)


def estimates(
    name: str,
    runs: Path,
    squares: NDArray[np.uint8],
    positions: NDArray[np.int64],
    faces: Sequence[str],
    kept: Path = KEPT,
) -> NDArray[np.float64]:
    """Return the estimate in years, float64 (len(positions),), of a published network or a finished run.

    What it once told of a face is kept on disk and not asked for again. `squares` are packed faces, uint8
    (N, P, P, 3); `faces` has what names each of them and its pixels.

    Raises:
        SettingsError: there is no such run.
        BundleMissing, BundleDamaged: see `trainer.models.published`.
    """
    path = kept / f"{name}.json"
    told: dict[str, float] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    missing = np.array([at for at in positions.tolist() if faces[at] not in told], dtype=np.int64)
    if len(missing):
        found = shares_of(runs / name, squares, missing) @ np.arange(AGE_BINS, dtype=np.float64)
        told |= {faces[at]: round(float(age), 3) for at, age in zip(missing.tolist(), found, strict=True)}
        kept.mkdir(parents=True, exist_ok=True)
        replace_text(path, json.dumps(told) + "\n")
    return np.array([told[faces[at]] for at in positions.tolist()])


def shares_of(
    folder: Path, squares: NDArray[np.uint8], positions: NDArray[np.int64], *, mirrored: bool = True
) -> NDArray[np.float32]:
    """Return a run's distributions, float32 (len(positions), AGE_BINS), averaged over crop and mirror image.

    Raises:
        SettingsError: the folder holds no finished run, or one that tells no distribution.
    """
    recipe, model = load_any(folder)
    if recipe.head != "distribution":
        raise SettingsError(f"{folder.name} tells no distribution and cannot teach; choose another teacher.")
    return shares_of_model(recipe, model, squares, positions, mirrored=mirrored)


def shares_of_model(
    recipe: Recipe,
    model: AgeModel | Ensemble,
    squares: NDArray[np.uint8],
    positions: NDArray[np.int64],
    *,
    mirrored: bool = True,
) -> NDArray[np.float32]:
    """Return the distributions of a model that is at hand; see `shares_of`.

    An ensemble computes in float32: the product that resizes its crops needs that. It mirrors by itself.
    """
    with torch.no_grad():
        judged = _judged(recipe, model, squares, positions, mirrored=mirrored)
        return np.concatenate([shares for _, shares in judged])


def answers_of_model(
    recipe: Recipe, model: AgeModel | Ensemble, squares: NDArray[np.uint8], positions: NDArray[np.int64]
) -> list[Answer]:
    """Return a model's answer for each face, as its exported graph gives it."""
    found = []
    with torch.no_grad():
        for scores, shares in _judged(recipe, model, squares, positions, mirrored=recipe.flip_average):
            ages = model.ages(scores).reshape(2 if recipe.flip_average else 1, -1).float().cpu()
            views = model.view_ages(scores).float().cpu() if isinstance(model, Ensemble) else ages.T
            rows = zip(ages.mean(dim=0).tolist(), shares, views.tolist(), strict=True)
            found += [Answer(age, row, tuple(seen)) for age, row, seen in rows]
    return found


def _judged(
    recipe: Recipe,
    model: AgeModel | Ensemble,
    squares: NDArray[np.uint8],
    positions: NDArray[np.int64],
    *,
    mirrored: bool,
) -> Iterator[tuple[torch.Tensor, NDArray[np.float32]]]:
    """Give the scores of each batch, and its distributions averaged over crop and mirror image."""
    for crops in _batches(recipe, model, squares, positions, f"judged by {recipe.name}"):
        scores = model(with_mirror(crops) if mirrored else crops)
        shares = model.shares(scores).reshape(-1, len(crops), AGE_BINS).mean(dim=0)
        yield scores, shares.float().cpu().numpy()


def pooled_of_model(
    recipe: Recipe, model: AgeModel, squares: NDArray[np.uint8], positions: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return a model's pooled features, float32 (len(positions), F), without mirrors."""
    found = []
    with torch.no_grad():
        for crops in _batches(recipe, model, squares, positions, f"features of {recipe.name}"):
            _, pooled = model.scores_and_pooled(crops)
            found.append(pooled.float().cpu().numpy())
    return np.concatenate(found)


def _batches(
    recipe: Recipe,
    model: AgeModel | Ensemble,
    squares: NDArray[np.uint8],
    positions: NDArray[np.int64],
    what: str,
) -> Iterator[Tensor]:
    """Yield packed faces as the model sees them, where and how it computes fastest."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device).to(memory_format=torch.channels_last)
    spec = backbones.BODIES[recipe.body]
    with autocast(device.type, enabled=isinstance(model, AgeModel)):
        for start in tqdm(range(0, len(positions), _BATCH), desc=what, unit="batch"):
            some = torch.from_numpy(squares[positions[start : start + _BATCH]]).to(device)
            yield augment.batch(some, recipe.final_px, spec.mean, spec.std, view=recipe.view)
