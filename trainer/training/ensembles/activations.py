"""Activations of a model's layers, caught by forward hooks in one pass."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import torch
from torch import Tensor, nn

from simsvc.errors import SettingsError
from trainer.models.age_model import AgeModel
from trainer.training.ensembles.ensemble import Ensemble

MEAN = ":mean"  # Behind a layer's name: its mean over height and width


def extract(model: AgeModel | Ensemble, layer: str, crops: Tensor) -> tuple[Tensor, Tensor]:
    """Return ages and the activations of named layers from one pass; no hook is left behind.

    `layer` is a module's name as `named_modules` gives it, such as "head.relu_1"; ":mean" behind it averages
    over height and width; several are joined by "+", as in "body:mean+head.relu_1". Crops are float32
    (N, 3, S, S), normalised; ages (N,) are in years. Activations are flattened and put side by side, (N, F):
    a copy of what each layer gave when first called, since ResNet's ReLUs write over what they are given.

    Raises:
        SettingsError: no layer of that name.
    """
    scores, activations = passed(model, layer, crops)
    return model.ages(scores), activations


def passed(model: AgeModel | Ensemble, layer: str, crops: Tensor) -> tuple[Tensor, Tensor]:
    """Return the raw scores, which `AgeModel.ages` turns into years, and activations as `extract` does.

    Raises:
        SettingsError: no layer of that name.
    """
    names = layer.split("+")
    caught: dict[str, Tensor] = {}
    with contextlib.ExitStack() as hooks:
        for name in names:
            module = _layer(model, name.removesuffix(MEAN))
            hooks.callback(module.register_forward_hook(_catcher(caught, name)).remove)
        scores = model(crops)
    return scores, torch.cat([caught[name].flatten(1) for name in names], dim=1)


def _layer(model: AgeModel | Ensemble, name: str) -> nn.Module:
    modules = dict(model.named_modules())
    if name not in modules:
        names = ", ".join(key for key in modules if key.rpartition(".")[0].endswith("head"))
        raise SettingsError(f"The model has no layer {name!r}; those of its head are {names}.")
    module: nn.Module = modules[name]
    return module


def _catcher(caught: dict[str, Tensor], name: str) -> Callable[[nn.Module, object, Tensor], None]:
    def catch(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        pooled = output.mean((2, 3)) if name.endswith(MEAN) and output.ndim == 4 else output
        caught.setdefault(name, pooled.clone())

    return catch
