"""Weights in half precision on disk and in float32 in use: half the bytes of a graph.

`round_weights` changes a model before it is exported. `with_half_weights` then stores a graph's weights as
float16, each followed by a Cast to float32, and changes no number. ONNX Runtime evaluates the Cast once, when
it loads the graph.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from simsvc.errors import BundleDamaged
from trainer.export import batch_norms

LEAST_NUMBERS = 4096
"""Smaller weights stay float32: float16 would save 21 KB of the shipped model's 38 MB on all of them."""
HALF_NAME = "_half"
"""Follows the name of the weights in the name of their float16 form; the Cast gives the weights' own name."""


@torch.no_grad()
def round_weights(model: nn.Module) -> None:
    """Round the large matrices and kernels of a model in evaluation mode to half precision, in place.

    Its batch norms are joined first, because the exporter would multiply them into rounded kernels. Biases,
    batch norms, buffers and weights of fewer than `LEAST_NUMBERS` numbers keep their precision.

    Raises:
        BundleDamaged: a weight is not finite, or beyond 65504, the largest number of half precision.
    """
    batch_norms.join(model)
    for name, weight in model.named_parameters():
        if weight.ndim >= 2 and weight.numel() >= LEAST_NUMBERS:
            rounded = weight.half()
            if not rounded.isfinite().all():
                raise BundleDamaged(
                    f"{name} cannot be stored in half precision: its largest number is "
                    f"{float(weight.abs().max()):.6g}, and {torch.finfo(torch.half).max:.0f} is the limit."
                )
            weight.copy_(rounded)


def with_half_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a graph that stores large float32 weights as float16 where this changes none of their numbers.

    The others, such as the weights of a model that was not rounded, stay as they are.
    """
    made = onnx.ModelProto()
    made.CopyFrom(model)
    casts = []
    for tensor in made.graph.initializer:
        if (half := _half(tensor)) is not None:
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(half, name + HALF_NAME))
            casts.append(helper.make_node("Cast", [tensor.name], [name], name=name, to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    return made


def with_float_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a graph as it was before `with_half_weights`: initializers in float32, by their own names."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    stored = {tensor.name: tensor for tensor in made.graph.initializer}
    for node in model.graph.node:
        if _is_cast(node) and node.input[0] in stored:
            tensor = stored[node.input[0]]
            value = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(value, node.output[0]))
            made.graph.node.remove(node)
    return made


def _half(tensor: TensorProto) -> Any:
    """Return the float16 form of a large float32 tensor, or None if there is none that is equal to it."""
    if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < 2 or np.prod(tensor.dims) < LEAST_NUMBERS:
        return None
    value = numpy_helper.to_array(tensor)
    with np.errstate(over="ignore"):
        half = value.astype(np.float16)
    return half if np.array_equal(half, value) else None


def _is_cast(node: Any) -> bool:
    return bool(node.op_type == "Cast" and node.input[0] == node.output[0] + HALF_NAME)
