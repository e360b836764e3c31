"""Training: fastai's loop around `AgeModel`. Only this, its loader and its callbacks import fastai."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastai.basics import DataLoaders, Learner, params, set_seed
from fastai.callback.mixup import MixUp
from fastai.callback.schedule import ParamScheduler  # noqa: F401 - importing it gives Learner.fit_one_cycle
from fastai.callback.training import GradientClip
from fastai.metrics import AccumMetric
from fastai.optimizer import Adam
from torch import Tensor, nn

from simsvc.errors import SettingsError
from trainer.models import backbones, dlib_resnet
from trainer.models.age_model import AGE_BINS, AgeModel
from trainer.training.augmentation import augment
from trainer.training.callbacks import KEEP_S, Average, Bf16, Checkpointer, Schedule
from trainer.training.loader import FaceLoader, TrainingData
from trainer.training.recipes import recipe as recipes
from trainer.training.recipes.losses import TRAITS, AgeLoss, traits_loss
from trainer.training.recipes.recipe import Recipe
from trainer.training.runs import RUNS, load_run

SETTLE_FACES = 512
"""Faces that measure the batch norm statistics of released weights, to 1/sqrt(512) = 4% of a deviation."""


def cycles(recipe: Recipe) -> list[tuple[int, int]]:
    """Return (first epoch, epochs) of every one-cycle."""
    if recipe.cycle == "whole":
        return [(0, recipe.epochs)]
    counts = [stage.epochs for stage in recipe.schedule]
    return [(sum(counts[:at]), count) for at, count in enumerate(counts)]


def groups(model: AgeModel) -> list[list[nn.Parameter]]:
    """Return the three parameter groups: early body, late body, head."""
    taught = list(params(model.traits)) if model.traits else []
    early = backbones.early_parameters(model.body, model.architecture.body)
    body = list(params(model.body))
    late = [p for p in body if p not in early]
    return [[p for p in body if p in early], late, list(params(model.head)) + taught]


def prepare(recipe: Recipe, data: TrainingData, runs: Path = RUNS) -> AgeModel:
    """Return a model with its initial weights, ready for the first epoch.

    Raises:
        SettingsError: there are no such weights, or they are of another network.
    """
    set_seed(recipe.seed)
    model = AgeModel(recipe.architecture)
    backbones.initialise(model.body, recipe.body, recipe.weights)
    if recipe.goes_on:
        _begin(model, runs / recipe.goes_on)
    if isinstance(model.body, dlib_resnet.DlibResNet) and recipe.weights == "pretrained":
        some = np.random.default_rng(recipe.seed).permutation(data.train)[:SETTLE_FACES]
        spec = backbones.BODIES[recipe.body]
        crops = augment.batch(data.squares[np.sort(some)], recipe.schedule[0].size_px, spec.mean, spec.std)
        dlib_resnet.settle(model.body, crops)
    skip = backbones.BODIES[recipe.body].drop_paths
    if skip and recipe.drop_path:
        skip(model.body, recipe.drop_path)
    if recipe.traits:
        model.teach_traits(TRAITS)
    if not recipe.goes_on:
        model.start_at(float(data.ages_years[data.train].mean()))
    if recipe.lr[0] == 0:  # a frozen part needs no gradients, which halves the time of a step
        for parameter in groups(model)[0]:
            parameter.requires_grad_(False)
    return model.to(memory_format=torch.channels_last)


def _begin(model: AgeModel, run: Path) -> None:
    _, earlier = load_run(run)
    try:
        model.load_state_dict(earlier.state_dict())
    except RuntimeError as error:
        raise SettingsError(f"The run in {run} is of another network: {error}") from error


def fit(recipe: Recipe, data: TrainingData, folder: Path) -> list[dict[str, Any]]:
    """Train, or go on where a killed run of this recipe stopped, and return the history by epoch.

    Leaves `best.safetensors`, `history.json`, `loss.png`, `recipe.toml` and `last.pth` in the folder.

    Raises:
        SettingsError: the folder holds a run of another recipe, or there are too few faces for one step.
    """
    _check_faces(recipe, data)
    _check_recipe(recipe, folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.toml").write_text(recipe.text, encoding="utf-8")
    model = prepare(recipe, data, folder.parent)
    on_gpu = torch.cuda.is_available()
    resident = torch.from_numpy(data.squares).cuda() if on_gpu else None
    torch.backends.cudnn.benchmark = on_gpu
    loaders = DataLoaders(
        FaceLoader(data, data.train, recipe, True, resident),
        FaceLoader(data, data.valid, recipe, False, resident),
        device=torch.device("cuda" if on_gpu else "cpu"),
    )
    average = Average(recipe.ema) if recipe.ema else None
    learner = _learner(model, recipe, loaders, average, data.windows_years is not None)
    history, start = _resumed(learner, folder, average)
    every_s = KEEP_S if on_gpu else 0.0
    for first, count in cycles(recipe):
        if start >= first + count:
            continue
        learner.fit_one_cycle(
            count,
            lr_max=list(recipe.lr),
            wd=list(recipe.weight_decay),
            start_epoch=max(0, start - first),
            cbs=[Schedule(recipe, first), Checkpointer(folder, first, history, average, every_s)],
        )
    return history


def _check_faces(recipe: Recipe, data: TrainingData) -> None:
    if len(data.train) < recipe.batch or not len(data.valid):
        raise SettingsError(
            f"There are {len(data.train)} faces to learn from and {len(data.valid)} to choose by, but a step "
            f"takes {recipe.batch}. Add faces, or make batch in the recipe smaller."
        )


def _check_recipe(recipe: Recipe, folder: Path) -> None:
    """Refuse to go on with another recipe: what is learnt already would be counted as its own."""
    kept = folder / "recipe.toml"
    if not (folder / "last.pth").exists() or not kept.exists():
        return
    if recipes.parse(recipe.name, kept.read_text(encoding="utf-8")) != recipe:
        raise SettingsError(
            f"{folder} holds a run of another recipe of this name. Remove that folder to train anew, "
            "or give the changed recipe a name of its own."
        )


def _learner(model: AgeModel, recipe: Recipe, loaders: Any, average: Average | None, windowed: bool) -> Any:
    age_loss = AgeLoss(model, recipe)

    def loss(scores: Tensor, targets: Tensor) -> Tensor:
        ages_years, weights = targets[:, 0], targets[:, 1]
        taught = targets[:, -AGE_BINS:] if recipe.distil else None
        windows = targets[:, 2:4] if windowed else None
        of_age = age_loss(scores[:, : model.outputs], ages_years, weights, taught, windows)
        if model.traits is None:
            return of_age
        first = 4 if windowed else 2
        wanted = targets[:, first : first + TRAITS]
        return of_age + recipe.traits * traits_loss(scores[:, model.outputs :], wanted).mean()

    def errors(scores: Tensor, targets: Tensor) -> Tensor:  # fastai gathers them on the CPU
        return model.ages(scores.to(model.bins.device)) - targets[:, 0].to(model.bins.device)

    def mae(scores: Tensor, targets: Tensor) -> Tensor:
        return errors(scores, targets).abs().mean()

    def rmse(scores: Tensor, targets: Tensor) -> Tensor:
        return (errors(scores, targets) ** 2).mean().sqrt()

    callbacks: list[Any] = [Bf16()]
    callbacks += [average] if average else []
    callbacks += [MixUp(recipe.mixup)] if recipe.mixup else []
    callbacks += [GradientClip(recipe.clip)] if recipe.clip else []
    metrics = [AccumMetric(mae, flatten=False), AccumMetric(rmse, flatten=False)]
    return Learner(
        loaders, model, loss_func=loss, opt_func=Adam, splitter=groups, metrics=metrics, cbs=callbacks
    )


def _resumed(learner: Any, folder: Path, average: Average | None) -> tuple[list[dict[str, Any]], int]:
    learner.create_opt()
    path = folder / "last.pth"
    if not path.exists():
        return [], 0
    state = torch.load(path, map_location=learner.dls.device, weights_only=True)
    learner.model.load_state_dict(state["model"])
    for parameter, values in zip(learner.opt.all_params().itemgot(0), state["opt_state"], strict=True):
        learner.opt.state[parameter] = values
    if average:
        average.shadow, average.steps = state["average"], state["average_steps"]
    return list(state["history"]), int(state["next_epoch"])
