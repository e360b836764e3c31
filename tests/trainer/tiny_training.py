"""A task that a small network learns in seconds: grey squares, their brightness the age."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from trainer.datasets.pack import PACK_PX
from trainer.models.age_model import AgeModel
from trainer.training.loader import TrainingData
from trainer.training.recipes.recipe import Recipe, parse

RECIPE = """
body = "resnet18"
schedule = "32x3"
hidden = 32
dropout = 0.1
batch = 8
lr = [1e-3, 2e-3, 4e-3]
weight_decay = [0.01, 0.02, 0.04]
colour = 0.0
"""


def recipe(name: str = "tiny", **changes: object) -> Recipe:
    """Return the tiny recipe with some keys changed, written as TOML and read back like any other."""
    lines = dict(line.split(" = ", 1) for line in RECIPE.strip().splitlines())
    lines |= {key: json.dumps(value) for key, value in changes.items()}
    return parse(name, "".join(f"{key} = {value}\n" for key, value in lines.items()))


def brightness(train: int = 64, valid: int = 16, seed: int = 0) -> TrainingData:
    """Return noisy grey squares whose brightness, 40 to 200 of 255, is twice the age, 20 to 100 years."""
    random = np.random.default_rng(seed)
    ages = random.uniform(20, 100, train + valid).astype(np.float32)
    noise = random.normal(0, 10, (train + valid, PACK_PX, PACK_PX, 1))
    squares = (2 * ages[:, None, None, None] + noise).clip(0, 255).astype(np.uint8).repeat(3, axis=3)
    return TrainingData(squares, ages, np.arange(train), np.arange(train, train + valid))


TOLD = {"head": "distribution", "loss": "distribution"}


def finished(folder: Path, seed: int, **changes: object) -> AgeModel:
    """Leave what a finished run leaves, with random weights, and return its model."""
    chosen = recipe(folder.name, **changes)
    torch.manual_seed(seed)
    model = AgeModel(chosen.architecture).eval()
    folder.mkdir()
    lines = [f"{key} = {json.dumps(value)}" for key, value in changes.items()]
    kept = [line for line in RECIPE.strip().splitlines() if line.split(" = ")[0] not in changes]
    (folder / "recipe.toml").write_text("\n".join([*kept, *lines]) + "\n")
    (folder / "result.json").write_text("{}")
    save_file(model.state_dict(), folder / "best.safetensors")
    return model
