"""One run: train a recipe or join its parts, and write what came of it."""

from __future__ import annotations

import argparse
import contextlib
import json
import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from simsvc.errors import SettingsError
from trainer.datasets.corpus import Corpus
from trainer.training import correct, distillation, fit, join, mixed, selection
from trainer.training.loader import TrainingData
from trainer.training.recipes import recipe as recipes
from trainer.training.recipes import results
from trainer.training.runs import RUNS, load_recipe


def with_teachers(
    recipe: recipes.Recipe, folder: Path, runs: Path = RUNS, pupils: tuple[str, ...] = ()
) -> tuple[recipes.Recipe, ...]:
    """Return the recipes to train, dependencies first, itself last; a finished run needs nothing any more.

    Raises:
        SettingsError: one of them has no recipe in the folder, or needs what needs it.
    """
    if recipe.name in pupils:
        raise SettingsError(f"{recipe.name} would be taught by its own pupil; choose another recipe.")
    found: list[recipes.Recipe] = []
    for name in recipe.needs:
        needed = recipes.load(name, folder)
        if (runs / name / "result.json").is_file():
            continue
        before = with_teachers(needed, folder, runs, (*pupils, recipe.name))
        found += [each for each in before if each not in found]
    return (*found, recipe)


def train(recipe: recipes.Recipe, corpus: Corpus, args: argparse.Namespace, beside: Path) -> None:
    """Train one recipe, and write `result.json` and its row in the table.

    Raises:
        SettingsError: it is a published network's, or see `training_data`.
    """
    if recipe.name in recipes.PUBLISHED:
        raise SettingsError(f"{recipe.name} is published as it is; train a recipe that goes on from it.")
    folder = args.out / ((args.name if recipe.name == Path(args.recipe).stem else None) or recipe.name)
    if recipe.parts:
        _join(recipe, corpus, args, folder)
        return
    if recipe.corrects:
        corrected = correct.correct(recipe, corpus, args.out, folder)
        _write(folder, {"recipe": recipe.as_dict(), **corrected, **_about(corpus, args.threads)})
        return
    data = training_data(corpus, recipe, args.out)
    print(f"{recipe.name}: {len(data.train)} faces to learn from, {len(data.valid)} to choose by")
    history = fit.fit(recipe, data, folder)
    best = min(history, key=lambda h: float(h["valid_mae"]))
    result = {
        "recipe": recipe.as_dict(),
        "valid_mae": best["valid_mae"],
        "valid_rmse": best["valid_rmse"],
        "best_epoch": best["epoch"],
        "seconds": round(sum(h["seconds"] for h in history), 1),
        **_about(corpus, args.threads),
        "learnt_from": len(data.train),
    }
    path = _write(folder, result)
    print(f"best validation MAE {result['valid_mae']:.3f} years; {path}")
    if folder.name == recipe.name and not recipe.mix:  # its validation faces are others than the table's
        print(f"{results.add(result, beside)} has its row")


def _join(recipe: recipes.Recipe, corpus: Corpus, args: argparse.Namespace, folder: Path) -> None:
    """Join the runs of the recipe's parts: those with the same suffix if the run has a custom name."""
    suffix = folder.name.removeprefix(recipe.name)
    parts = tuple(name if name in recipes.PUBLISHED else name + suffix for name in recipe.joined)
    joined = join.join(recipe, corpus, args.out, folder, parts)
    path = _write(folder, {"recipe": recipe.as_dict(), **joined, **_about(corpus, args.threads)})
    print(f"validation MAE {joined['valid_mae']:.3f} years; {path}")


def training_data(corpus: Corpus, recipe: recipes.Recipe, runs: Path = RUNS) -> TrainingData:
    """Return the faces that the recipe learns from and is chosen by.

    Raises:
        SettingsError: the recipe needs groups that the data does not have, or teachers that were not trained.
    """
    ages_years = corpus.ages_years
    train = selection.share(corpus.positions("train"), recipe.fraction, recipe.seed)
    train = selection.cleaned(train, ages_years, corpus.data.pairs, recipe.clean)
    fold = recipes.parse_fold(recipe.fold)
    if fold:
        train = train[~selection.in_fold(corpus.data.groups, corpus.data.rows, *fold)[train]]
    groups = [row.group for row in corpus.data.rows]
    weights = selection.loss_weights(train, ages_years, groups, recipe.balance)
    traits = selection.one_hots([row.gender for row in corpus.data.rows], groups) if recipe.traits else None
    squares = np.array(corpus.pack.crops)  # into memory: mapped pages are read from disk again and again
    folders = [runs / name for name in recipe.taught_by]
    taught = distillation.taught(folders, squares, _tells(corpus, folders, train)) if folders else None
    if taught is not None and recipe.doubt:
        labels, ages_years = ages_years, distillation.corrected(ages_years, taught, recipe.doubt)
        print(f"{recipe.name}: {np.count_nonzero(ages_years != labels)} labels taken for mistakes")
    if recipe.distil and taught is not None:
        taught = recipe.distil * taught
    data = TrainingData(squares, ages_years, train, corpus.positions("valid"), weights, traits, taught)
    return mixed.mixed(data, corpus, recipe, runs) if recipe.mix else data


def _tells(corpus: Corpus, folders: list[Path], train: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the positions that each teacher tells of: a fold's, those that it was not trained on."""
    told = []
    for folder in folders:
        fold = recipes.parse_fold(load_recipe(folder).fold)
        mine = selection.in_fold(corpus.data.groups, corpus.data.rows, *fold)[train] if fold else slice(None)
        told.append(train[mine])
    return told


def _write(folder: Path, result: dict[str, Any]) -> Path:
    path = folder / "result.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return path


def _about(corpus: Corpus, threads: int) -> dict[str, Any]:
    return {
        "faces": {name: len(corpus.positions(name)) for name in ("train", "valid", "test")},
        "sources": sorted({row.source for row in corpus.data.rows}),
        "machine": machine(threads),
        "torch": torch.__version__,
    }


def machine(threads: int) -> str:
    """Return processor or GPU, and threads, as results name them."""
    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name(0))
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return f"{model}, {threads} threads"
