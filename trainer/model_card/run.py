"""The run a bundle came from: proved by its weights, read for what it tells of the training."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from simsvc.adapters.inference.bundle import Bundle
from simsvc.errors import SettingsError
from trainer.training.runs import BEST, HISTORY, RUN_SHA256

FORMER_WEIGHTS = "model.safetensors"
"""In bundles that do not state `RUN_SHA256`: the weights of the run, named with "model." in front."""


@dataclass(frozen=True, slots=True)
class Run:
    """Content of a run folder."""

    result: dict[str, Any]  # of result.json
    history: list[dict[str, Any]]  # of history.json, one entry an epoch
    recipe: dict[str, Any]  # of recipe.toml, as it was trained


def read_run(folder: Path, bundle: Bundle) -> Run:
    """Read the run that a bundle was exported from.

    Raises:
        SettingsError: it is missing or damaged, or another one.
    """
    try:
        run = Run(
            json.loads((folder / "result.json").read_text(encoding="utf-8")),
            json.loads((folder / HISTORY).read_text(encoding="utf-8")),
            tomllib.loads((folder / "recipe.toml").read_text(encoding="utf-8")),
        )
    except FileNotFoundError:
        raise SettingsError(
            f"{folder} holds no finished run. Name the one that the bundle came from by --run, or train it "
            f"with `python -m trainer fit --recipe {bundle.name}`."
        ) from None
    except (OSError, ValueError):
        raise SettingsError(
            f"The run in {folder} cannot be understood. Train it again with `python -m trainer fit`."
        ) from None
    check_exported(bundle, folder)
    return run


def check_exported(bundle: Bundle, folder: Path) -> None:
    """Refuse a run whose best weights are not those in the bundle.

    Raises:
        SettingsError: they are not.
    """
    if not _came_from(bundle, folder / BEST):
        raise SettingsError(
            f"The bundle {bundle.version} was not exported from the run in {folder}. Name the run it came "
            "from by --run, or export this one with `python -m trainer export`."
        )


def _came_from(bundle: Bundle, best: Path) -> bool:
    stated = bundle.raw.get(RUN_SHA256)
    if stated is None:
        return _same(best, bundle.folder / FORMER_WEIGHTS)
    try:
        return bool(hashlib.sha256(best.read_bytes()).hexdigest() == stated)
    except OSError:
        return False


def _same(run: Path, bundle: Path) -> bool:
    """Return whether every array of the run is in the bundle, with names that begin with "model."."""
    try:
        with safe_open(run, "np") as trained, safe_open(bundle, "np") as shipped:
            held = set(shipped.keys())
            return all(
                f"model.{name}" in held
                and np.array_equal(trained.get_tensor(name), shipped.get_tensor(f"model.{name}"))
                for name in trained.keys()  # noqa: SIM118 - safe_open is no mapping: it cannot be iterated over
            )
    except (OSError, SafetensorError):
        return False
