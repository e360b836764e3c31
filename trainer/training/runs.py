"""Finished training runs on disk."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from simsvc.errors import SettingsError
from trainer.models.age_model import AgeModel
from trainer.models.published import faceres_model
from trainer.training.ensembles.ensemble import Ensemble, Member
from trainer.training.ensembles.likeness import Likeness
from trainer.training.recipes import recipe as recipes

BEST = "best.safetensors"
HISTORY = "history.json"  # Name of the file of its figures, one entry an epoch
LIKE_WEIGHT, LIKE_BIAS = "like.weight", "like.bias"  # Names of an ensemble's likeness among its weights
RUN_SHA256 = "run_sha256"
"""Entry of model.json: the SHA-256 of the best weights of the run that a bundle was exported from."""
RUNS = Path("work/runs")  # Where `python -m trainer fit` leaves them, each in a folder of its recipe's name


def load_recipe(folder: Path) -> recipes.Recipe:
    """Return the recipe of a finished run, or of a published network, which needs no folder.

    Raises:
        SettingsError: the folder holds no run, or one that is not finished.
    """
    if folder.name in recipes.PUBLISHED:
        return recipes.load(folder.name)
    if not all((folder / name).is_file() for name in ("recipe.toml", BEST, "result.json")):
        raise SettingsError(
            f"{folder} holds no finished run; train one with `python -m trainer fit --recipe NAME`, or "
            "call it again for one that was stopped."
        )
    return recipes.parse(folder.name, (folder / "recipe.toml").read_text(encoding="utf-8"))


def load_run(folder: Path) -> tuple[recipes.Recipe, AgeModel]:
    """Return the recipe and the weights of a published network or a run of one model, in evaluation mode.

    Raises:
        SettingsError: the folder holds no run, or one that is not finished.
        BundleMissing, BundleDamaged: see `trainer.models.published`.
    """
    recipe = load_recipe(folder)
    if folder.name in recipes.PUBLISHED:
        return recipe, faceres_model()
    if recipe.parts:
        raise SettingsError(f"{folder.name} is an ensemble; name one of its parts: {recipe.parts}.")
    model = AgeModel(recipe.architecture)
    model.load_state_dict(load_file(folder / BEST))
    return recipe, model.eval()


def load_any(folder: Path) -> tuple[recipes.Recipe, AgeModel | Ensemble]:
    """Return the recipe and the weights of a finished run, of one model or an ensemble, in evaluation mode.

    Raises:
        SettingsError: the folder, or that of one of the parts, holds no finished run.
    """
    recipe = load_recipe(folder)
    if not recipe.parts:
        return load_run(folder)
    members = [Member(*load_run(folder.parent / name)) for name in part_runs(folder)]
    kept = load_file(folder / BEST)
    likeness = None
    if LIKE_WEIGHT in kept:
        likeness = Likeness(kept[LIKE_WEIGHT][0].numpy(), float(kept[LIKE_BIAS]))
    return recipe, Ensemble(members, recipe, kept["weights"].tolist(), likeness).eval()


def keep_run(folder: Path, recipe: recipes.Recipe, weights: dict[str, Tensor], history: str = "[]\n") -> None:
    """Leave what a run without training leaves, but for its `result.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, folder / BEST)
    (folder / "recipe.toml").write_text(recipe.text, encoding="utf-8")
    (folder / HISTORY).write_text(history, encoding="utf-8")


def part_runs(folder: Path) -> tuple[str, ...]:
    """Return the names of the runs that an ensemble joined, which lie next to it."""
    return tuple(json.loads((folder / "result.json").read_text(encoding="utf-8"))["parts"])
