"""ONNX operators of exported age models in PyTorch.

Source of each: the ONNX operator specification, opset 18.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from onnx import helper
from torch import Tensor
from torch.nn import functional

Attributes = dict[str, Any]
Operator = Callable[[Any, Attributes], Tensor]
"""From inputs (None for omitted optional ones) and attributes to the output."""


def _padded(x: Tensor, a: Attributes, value: float = 0.0) -> Tensor:
    """Pad rows and columns by `pads` (top, left, bottom, right)."""
    if a.get("auto_pad", "NOTSET") not in {"NOTSET", "VALID"} or a.get("ceil_mode"):
        raise NotImplementedError("auto_pad and ceil_mode")
    top, left, bottom, right = a.get("pads", (0, 0, 0, 0))
    return functional.pad(x, (left, right, top, bottom), value=value) if any(a.get("pads", ())) else x


def _constant(_: Any, a: Attributes) -> Tensor:
    if "value" not in a:
        raise NotImplementedError("a Constant that is no tensor")
    value: Tensor = a["value"]
    return value


def _constant_of_shape(i: Any, a: Attributes) -> Tensor:
    value: Tensor = a.get("value", torch.zeros(1))
    return value.expand(i[0].tolist())


def _conv(i: Any, a: Attributes) -> Tensor:
    bias = i[2] if len(i) > 2 else None
    strides, dilations = a.get("strides", (1, 1)), a.get("dilations", (1, 1))
    return functional.conv2d(_padded(i[0], a), i[1], bias, strides, 0, dilations, a.get("group", 1))


def _max_pool(i: Any, a: Attributes) -> Tensor:
    x = _padded(i[0], a, value=float("-inf"))
    strides, dilations = a.get("strides", (1, 1)), a.get("dilations", (1, 1))
    return functional.max_pool2d(x, a["kernel_shape"], strides, 0, dilations)


def _average_pool(i: Any, a: Attributes) -> Tensor:
    kernel, strides = a["kernel_shape"], a.get("strides", (1, 1))
    mean = functional.avg_pool2d(_padded(i[0], a), kernel, strides)
    if not any(a.get("pads", ())) or a.get("count_include_pad"):
        return mean
    return mean / functional.avg_pool2d(_padded(torch.ones_like(i[0]), a), kernel, strides)


def _clip(i: Any, _: Attributes) -> Tensor:
    x, least, most = (*i, None, None)[:3]
    x = x if least is None else torch.maximum(x, least)
    return x if most is None else torch.minimum(x, most)


def _gemm(i: Any, a: Attributes) -> Tensor:
    left = i[0].T if a.get("transA") else i[0]
    right = i[1].T if a.get("transB") else i[1]
    product: Tensor = a.get("alpha", 1.0) * (left @ right)
    return product + a.get("beta", 1.0) * i[2] if len(i) > 2 else product


def _axes(i: Any, a: Attributes, x: Tensor) -> list[int]:
    """Return the axes from the second input (since opset 13 or 18) or attribute; default all."""
    given = i[1].tolist() if len(i) > 1 and i[1] is not None else a.get("axes")
    return list(given) if given else list(range(x.ndim))


def _reduce(function: Callable[..., Tensor]) -> Operator:
    def reduced(i: Any, a: Attributes) -> Tensor:
        if a.get("noop_with_empty_axes"):
            raise NotImplementedError("noop_with_empty_axes")
        return function(i[0], dim=_axes(i, a, i[0]), keepdim=bool(a.get("keepdims", 1)))

    return reduced


def _reshape(i: Any, a: Attributes) -> Tensor:
    shape = i[1].tolist()
    if not a.get("allowzero"):
        shape = [i[0].shape[axis] if side == 0 else side for axis, side in enumerate(shape)]
    reshaped: Tensor = i[0].reshape(shape)
    return reshaped


def _flatten(i: Any, a: Attributes) -> Tensor:
    columns = i[0].shape[a.get("axis", 1) :].numel()
    flat: Tensor = i[0].reshape(-1, columns)
    return flat


def _squeeze(i: Any, a: Attributes) -> Tensor:
    given = len(i) > 1 or "axes" in a
    squeezed: Tensor = i[0].squeeze(_axes(i, a, i[0])) if given else i[0].squeeze()
    return squeezed


def _unsqueeze(i: Any, a: Attributes) -> Tensor:
    axes = _axes(i, a, i[0])
    rank = i[0].ndim + len(axes)
    x: Tensor = i[0]
    for axis in sorted(axis % rank for axis in axes):
        x = x.unsqueeze(axis)
    return x


def _slice(i: Any, _: Attributes) -> Tensor:
    starts, ends = i[1].tolist(), i[2].tolist()
    axes = i[3].tolist() if len(i) > 3 and i[3] is not None else range(len(starts))
    steps = i[4].tolist() if len(i) > 4 else [1] * len(starts)
    x: Tensor = i[0]
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        taken = range(*slice(start, end, step).indices(x.shape[axis]))
        x = x.index_select(axis, torch.tensor(taken, dtype=torch.int64, device=x.device))
    return x


def _pad(i: Any, a: Attributes) -> Tensor:
    if len(i) > 3 or a.get("mode", "constant") != "constant":
        raise NotImplementedError("Pad with axes or of another mode than constant")
    sides = i[1].tolist()
    half = len(sides) // 2
    pairs = [side for axis in reversed(range(half)) for side in (sides[axis], sides[axis + half])]
    return functional.pad(i[0], pairs, value=i[2].item() if len(i) > 2 and i[2] is not None else 0.0)


def _gather(i: Any, a: Attributes) -> Tensor:
    taken = i[0].index_select(a.get("axis", 0), i[1].reshape(-1))
    axis = a.get("axis", 0) % i[0].ndim
    shaped: Tensor = taken.reshape(i[0].shape[:axis] + i[1].shape + i[0].shape[axis + 1 :])
    return shaped


def _cast(i: Any, a: Attributes) -> Tensor:
    kind = torch.from_numpy(helper.tensor_dtype_to_np_dtype(a["to"]).type(0).reshape(1)).dtype
    cast: Tensor = i[0].to(kind)
    return cast


def _batch_norm(i: Any, a: Attributes) -> Tensor:
    x, weight, bias, mean, variance = i
    return functional.batch_norm(x, mean, variance, weight, bias, eps=a.get("epsilon", 1e-5))


OPERATORS: dict[str, Operator] = {
    "Add": lambda i, _: i[0] + i[1],
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Ceil": lambda i, _: i[0].ceil(),
    "Clip": _clip,
    "Concat": lambda i, a: torch.cat(i, a["axis"]),
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Conv": _conv,
    "Div": lambda i, _: torch.div(i[0], i[1], rounding_mode=None if i[0].is_floating_point() else "trunc"),
    "Dropout": lambda i, _: i[0],
    "Exp": lambda i, _: i[0].exp(),
    "Expand": lambda i, _: i[0] * torch.ones(i[1].tolist(), dtype=i[0].dtype, device=i[0].device),
    "Flatten": _flatten,
    "Gather": _gather,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda i, _: i[0].mean(dim=(2, 3), keepdim=True),
    "GlobalMaxPool": lambda i, _: i[0].amax(dim=(2, 3), keepdim=True),
    "Identity": lambda i, _: i[0],
    "LpNormalization": lambda i, a: functional.normalize(i[0], a.get("p", 2), a.get("axis", -1)),
    "MatMul": lambda i, _: i[0] @ i[1],
    "Max": lambda i, _: torch.maximum(*i),
    "MaxPool": _max_pool,
    "Min": lambda i, _: torch.minimum(*i),
    "Mul": lambda i, _: i[0] * i[1],
    "Pad": _pad,
    "Pow": lambda i, _: i[0] ** i[1],
    "ReduceL2": _reduce(torch.linalg.vector_norm),
    "ReduceMax": _reduce(torch.amax),
    "ReduceMean": _reduce(torch.mean),
    "ReduceSum": _reduce(torch.sum),
    "Relu": lambda i, _: i[0].relu(),
    "Reshape": _reshape,
    "Shape": lambda i, a: torch.tensor(i[0].shape[a.get("start", 0) : a.get("end")]),
    "Sigmoid": lambda i, _: i[0].sigmoid(),
    "Slice": _slice,
    "Softmax": lambda i, a: i[0].softmax(a.get("axis", -1)),
    "Sqrt": lambda i, _: i[0].sqrt(),
    "Squeeze": _squeeze,
    "Sub": lambda i, _: i[0] - i[1],
    "Transpose": lambda i, a: i[0].permute(a["perm"]),
    "Unsqueeze": _unsqueeze,
}
