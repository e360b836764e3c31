"""Restore the modules that a bundle's graph was exported from.

model.json says which they are, the graph has their weights. The exporter multiplies a batch norm into the
convolution before it; such a pair is restored as the product and a batch norm that only adds the bias.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from simsvc.adapters.inference.bundle import load_document
from simsvc.errors import BundleDamaged, SettingsError
from trainer.export import batch_norms
from trainer.export.bundle import ServedGraph
from trainer.export.half_precision import with_float_weights
from trainer.export.projection import Projection
from trainer.models.age_model import AgeModel, Architecture
from trainer.training.ensembles.ensemble import Ensemble, Member
from trainer.training.ensembles.likeness import Likeness
from trainer.training.recipes.recipe import Recipe, Stage

JOINED_BIAS = "_bias"
"""Behind the name of a convolution's weights: the bias that the exporter made of its batch norm."""
NO_WEIGHTS = ("num_batches_tracked", "bins", "offsets")
"""Last parts of the names of buffers that may be missing: constants, and offsets that nothing reads."""


def served_graph(onnx_path: Path) -> ServedGraph:
    """Return the modules that a bundle's graph was exported from, with its weights, in evaluation mode.

    Raises:
        BundleMissing: there is no model.json.
        BundleDamaged: the files do not fit each other, or the model is of a kind that cannot be restored.
    """
    document = load_document(onnx_path.parent).raw
    stored = with_float_weights(onnx.load(onnx_path)).graph
    weights = {one.name: torch.from_numpy(numpy_helper.to_array(one).copy()) for one in stored.initializer}
    weights = {**_shared(stored, weights), **weights}
    try:
        graph = _empty(document, weights)
        _fill(graph, weights)
    except (KeyError, RuntimeError, SettingsError, TypeError, ValueError) as error:
        raise BundleDamaged(
            f"PyTorch cannot run this model: {error}. Use ONNX Runtime instead: `--engine onnx`."
        ) from None
    return graph.eval()


def _shared(stored: onnx.GraphProto, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what batch norms are given under other names: the exporter stores equal small tensors once."""
    found: dict[str, Tensor] = {}
    for node in stored.node:
        if node.op_type == "BatchNormalization":
            given = dict(zip(("weight", "bias", "running_mean", "running_var"), node.input[1:], strict=True))
            own = [name.removesuffix(f".{last}") for last, name in given.items() if name.endswith(f".{last}")]
            if own and set(given.values()) <= set(weights):
                found |= {f"{own[0]}.{last}": weights[name] for last, name in given.items()}
    return found


def _empty(document: dict[str, Any], weights: dict[str, Tensor]) -> ServedGraph:
    arch = document["arch"]
    model = _ensemble(document, weights) if "+" in arch["body"] else AgeModel(Architecture(**arch))
    projection = Projection(weights["mean"].numpy(), weights["matrix"].numpy())
    seen_px = len(weights["enlarge"]) if "enlarge" in weights else None
    return ServedGraph(model, document["layer"], projection, document["flip_average"], seen_px)


def _ensemble(document: dict[str, Any], weights: dict[str, Tensor]) -> Ensemble:
    """Build an ensemble of whose members model.json states only the bodies; their sizes are the weights'."""
    arch = document["arch"]
    whole = _recipe(document["recipe"]["body"], document["input"]["size_px"], point=arch["point"])
    members = []
    for number, body in enumerate(arch["body"].split("+")):
        seen_px = len(weights[f"model.seen.{number}.resize"])
        recipe = _recipe(body, seen_px, hidden=len(weights[f"model.members.{number}.head.linear_1.bias"]))
        members.append(Member(recipe, AgeModel(recipe.architecture)))
    if "model.weights" in weights:
        features = weights["model.like.weight"].shape[1] if "model.like.weight" in weights else 0
        like = Likeness(np.zeros(features, np.float32), 0.0) if features else None
        return Ensemble(members, whole, weights["model.weights"].tolist(), like)
    shape = (len(members), 1, 1)  # in older graphs, where the exporter named them as it liked
    (shares,) = (tensor.flatten().tolist() for tensor in weights.values() if tensor.shape == shape)
    return Ensemble(members, whole, [shares])


def _recipe(body: str, seen_px: int, **values: Any) -> Recipe:
    schedule = (Stage(seen_px, epochs=1),)
    return Recipe(body, body, head="distribution", loss="distribution", schedule=schedule, **values)


@torch.no_grad()
def _fill(graph: ServedGraph, weights: dict[str, Tensor]) -> None:
    joined = _join(graph, weights)
    for name, target in {**dict(graph.named_parameters()), **dict(graph.named_buffers())}.items():
        module, _, last = name.rpartition(".")
        if name in weights:
            target.copy_(weights[name])
        elif module not in joined and last not in NO_WEIGHTS and name != "model.weights":
            raise KeyError(name)


def _join(graph: ServedGraph, weights: dict[str, Tensor]) -> set[str]:
    """Let each batch norm that was multiplied into a convolution add its bias; return their names."""
    joined = set()
    for pair in batch_norms.pairs(graph):
        bias = weights.get(f"{pair.convolution_name}.weight{JOINED_BIAS}")
        if bias is not None:
            batch_norms.only_add(pair.norm, bias)
            joined.add(pair.norm_name)
    return joined
