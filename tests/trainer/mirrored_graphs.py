"""Small graphs that begin as the shipped model does: enlarged, mirrored, convolved at stride 2, pooled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Constants = dict[str, NDArray[Any]]
FILTERS = 8


@dataclass(frozen=True)
class Front:
    """Sides in pixels, and what may be otherwise than in the graphs that are folded."""

    side_px: int = 16
    seen_px: int = 23
    kernel: int = 7
    stride: int = 2
    pad: int = 0
    pool: int = 3
    pool_stride: int = 2
    relu: bool = False
    zero_point: int = 114
    weight_zero_point: int = 0
    enlarged: bool = True
    mirrored: bool = True
    shifted: bool = False
    picture_told: bool = False
    read_otherwise: bool = False
    seed: int = 0


def quantised_front(front: Front) -> onnx.ModelProto:
    """Return a graph from `crops` (N, 3, side, side) to `pooled`, float32 of whole steps, in QDQ form.

    Its weights keep to seven bits, so that it is computed exactly on processors without VNNI, too.
    """
    random = np.random.default_rng(front.seed)
    nodes, constants, given = _picture(front)
    constants |= {
        "in_scale": np.float32(0.02),
        "in_zero": np.uint8(front.zero_point),
        "other_zero": np.uint8(front.zero_point // 2),
        "kernels": random.integers(-63, 64, (FILTERS, 3, front.kernel, front.kernel)).astype(np.int8),
        "kernel_scales": random.uniform(0.001, 0.02, FILTERS).astype(np.float32),
        "kernel_zeros": np.full(FILTERS, front.weight_zero_point, np.int8),
        "biases": random.integers(-9000, 9000, FILTERS).astype(np.int32),
        "bias_zeros": np.zeros(FILTERS, np.int32),
        "out_scale": np.float32(0.08),
        "out_zero": np.uint8(9),
    }
    constants["bias_scales"] = constants["kernel_scales"] * constants["in_scale"]
    read_zero = "other_zero" if front.read_otherwise else "in_zero"
    rectified = [helper.make_node("Relu", ["convolved"], ["rectified"])] if front.relu else []
    given_on = "rectified" if front.relu else "convolved"
    nodes += [
        helper.make_node("QuantizeLinear", [given, "in_scale", "in_zero"], ["steps"]),
        helper.make_node("DequantizeLinear", ["steps", "in_scale", read_zero], ["read"]),
        _read("kernels", ["kernels", "kernel_scales", "kernel_zeros"]),
        _read("biases", ["biases", "bias_scales", "bias_zeros"]),
        _convolution(front),
        *rectified,
        helper.make_node("QuantizeLinear", [given_on, "out_scale", "out_zero"], ["out_steps"]),
        helper.make_node("DequantizeLinear", ["out_steps", "out_scale", "out_zero"], ["out_read"]),
        _pooling(front, "out_read", "maxima"),
        helper.make_node("QuantizeLinear", ["maxima", "out_scale", "out_zero"], ["pooled_steps"]),
        helper.make_node("DequantizeLinear", ["pooled_steps", "out_scale", "out_zero"], ["pooled"]),
    ]
    return _model(nodes, constants, front, {"pooled": 4} | ({"picture": 4} if front.picture_told else {}))


def float_model(front: Front, dims: int) -> onnx.ModelProto:
    """Return a graph in float32 from `crops` to `age_years` (N,) and `embedding` (N, dims)."""
    random = np.random.default_rng(front.seed)
    nodes, constants, given = _picture(front)
    shapes = {"kernels_read": (FILTERS, 3, front.kernel, front.kernel), "biases_read": (FILTERS,)}
    shapes |= {"second": (FILTERS, FILTERS, 3, 3), "matrix": (FILTERS, dims)}
    constants |= {name: random.normal(0, 0.2, shape).astype(np.float32) for name, shape in shapes.items()}
    constants |= {"shape": np.array([2, -1, dims]), "first_axis": np.array([0]), "last_axis": np.array([1])}
    nodes += [
        helper.make_node("Identity", [given], ["read"]),
        _convolution(front),
        helper.make_node("Relu", ["convolved"], ["rectified"]),
        _pooling(front, "rectified", "pooled"),
        helper.make_node("Conv", ["pooled", "second"], ["deeper"], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["deeper"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["projected"]),
        helper.make_node("Reshape", ["projected", "shape"], ["both"]),
        helper.make_node("ReduceMean", ["both", "first_axis"], ["features"], keepdims=0),
        helper.make_node("LpNormalization", ["features"], ["embedding"], axis=1),
        helper.make_node("ReduceSum", ["features", "last_axis"], ["age_years"], keepdims=0),
    ]
    return _model(nodes, constants, front, {"age_years": 1, "embedding": 2})


def _picture(front: Front) -> tuple[list[Any], Constants, str]:
    """Return nodes and constants up to the picture that is convolved, and its name."""
    constants: Constants = {}
    nodes, given = [], "crops"
    if front.enlarged:
        matrix = _enlarging(front.side_px, front.seen_px)
        constants |= {"by_rows": matrix, "by_columns": np.ascontiguousarray(matrix.T)}
        nodes.append(helper.make_node("MatMul", ["crops", "by_columns"], ["wide"]))
        nodes.append(helper.make_node("MatMul", ["by_rows", "wide"], ["picture"]))
        given = "picture"
    if front.mirrored:
        index = np.arange(front.seen_px if front.enlarged else front.side_px)[::-1]
        constants["index"] = np.roll(index, 1) if front.shifted else np.ascontiguousarray(index)
        nodes.append(helper.make_node("Gather", [given, "index"], ["mirrored"], axis=3))
        nodes.append(helper.make_node("Concat", [given, "mirrored"], ["two"], axis=0))
        given = "two"
    return nodes, constants, given


def _enlarging(side_px: int, seen_px: int) -> NDArray[np.float32]:
    """Return (seen_px, side_px), bilinear: no row has more than two numbers that are not 0."""
    places = np.linspace(0, side_px - 1, seen_px)
    return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(side_px))).astype(np.float32)


def _read(name: str, inputs: list[str]) -> Any:
    return helper.make_node("DequantizeLinear", inputs, [f"{name}_read"], axis=0)


def _convolution(front: Front) -> Any:
    return helper.make_node(
        "Conv",
        ["read", "kernels_read", "biases_read"],
        ["convolved"],
        kernel_shape=[front.kernel] * 2,
        strides=[front.stride] * 2,
        pads=[front.pad] * 4,
    )


def _pooling(front: Front, taken: str, given: str) -> Any:
    return helper.make_node(
        "MaxPool", [taken], [given], kernel_shape=[front.pool] * 2, strides=[front.pool_stride] * 2
    )


def _model(nodes: list[Any], constants: Constants, front: Front, told: dict[str, int]) -> onnx.ModelProto:
    taken = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "front",
        [helper.make_tensor_value_info("crops", TensorProto.FLOAT, ["n", 3, front.side_px, front.side_px])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * rank)
            for name, rank in told.items()
        ],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items() if k in taken],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
