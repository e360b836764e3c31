"""A tiny but valid model bundle: a deterministic random convolution and two linear layers."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

Weights = dict[str, NDArray[np.float32]]


def make_tiny_bundle(
    folder: Path, dims: int = 16, size_px: int = 32, seed: int = 0, *, shares: bool = False
) -> Path:
    """Write model.onnx and model.json into `folder` and return it.

    The same arguments give the same bytes; another `seed` gives another model with another sha256. With
    `shares` it gives a distribution over ages too, whose expected value is the estimate, and two views.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = _weights(dims, size_px, seed)
    (folder / "model.onnx").write_bytes(
        _graph(weights, dims, size_px, shares).SerializeToString(deterministic=True)
    )
    document = {
        "format": 1,
        "name": "tiny",
        "version": f"tiny-{seed}",
        "files": {"model.onnx": fingerprint(folder / "model.onnx")},
        "input": {"size_px": size_px, "mean": list(MEAN), "std": list(STD)},
        "crop": {"margin": 1.1, "detector": "libfacedetection", "working_side_px": 640, "reading": 2},
        "layer": "features",
        "dims": dims,
        "arch": {"body": "tiny"} | ({"point": "mean"} if shares else {}),
        "training": {},
        "recipe": {},
        "metrics": {},
    }
    (folder / "model.json").write_text(json.dumps(document, indent=1))
    return folder


def fingerprint(path: Path) -> dict[str, str | int]:
    """Return what model.json states of a file."""
    data = path.read_bytes()
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def _weights(dims: int, size_px: int, seed: int) -> Weights:
    random = np.random.default_rng(seed)
    flat = 8 * (size_px // 8) ** 2
    shapes = {
        "conv.weight": (8, 3, 5, 5),
        "conv.bias": (8,),
        "embed.weight": (dims, flat),
        "embed.bias": (dims,),
        "age.weight": (1, dims),
        "age.bias": (1,),
    }
    fan_in = {"conv": 75, "embed": flat, "age": dims}
    weights = {
        name: (random.standard_normal(shape) * 2 / fan_in[name.split(".")[0]] ** 0.5).astype(np.float32)
        for name, shape in shapes.items()
    }
    patches = weights["embed.weight"].reshape(dims, 8, -1)
    patches -= patches.mean(axis=2, keepdims=True)  # what all faces share cancels; what differs is embedded
    weights["age.weight"] *= 10
    weights["age.bias"][:] = 40
    return weights


def _graph(weights: Weights, dims: int, size_px: int, shares: bool) -> onnx.ModelProto:
    nodes = [
        helper.make_node(
            "Conv", ["crops", "conv.weight", "conv.bias"], ["c"], strides=[2, 2], pads=[2, 2, 2, 2]
        ),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("AveragePool", ["r"], ["p"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Flatten", ["p"], ["f"], axis=1),
        helper.make_node("Gemm", ["f", "embed.weight", "embed.bias"], ["features"], transB=1),
        helper.make_node("ReduceL2", ["features", "axis_1"], ["norm"], keepdims=1),
        helper.make_node("Max", ["norm", "epsilon"], ["safe_norm"]),
        helper.make_node("Div", ["features", "safe_norm"], ["embedding"]),
        helper.make_node("Gemm", ["features", "age.weight", "age.bias"], ["a"], transB=1),
        helper.make_node("Squeeze", ["a", "axis_1"], ["raw_age"]),
        helper.make_node("Clip", ["raw_age", "youngest", "oldest"], ["clipped" if shares else "age_years"]),
        *(_told() if shares else ()),
    ]
    constants: dict[str, NDArray[Any]] = {
        "axis_1": np.array([1], dtype=np.int64),
        "epsilon": np.array(1e-12, dtype=np.float32),
        "youngest": np.array(0, dtype=np.float32),
        "oldest": np.array(120, dtype=np.float32),
        "bins": np.arange(101, dtype=np.float32),
        "steepness": np.array(-0.005, dtype=np.float32),
    }
    more = [("age_shares", 101), ("view_ages_years", 2)] if shares else []
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("crops", TensorProto.FLOAT, ["n", 3, size_px, size_px])],
        [
            helper.make_tensor_value_info("age_years", TensorProto.FLOAT, ["n"]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", dims]),
            *(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size]) for name, size in more),
        ],
        [
            numpy_helper.from_array(value, name)
            for name, value in [*weights.items(), *constants.items()]
            if any(name in node.input for node in nodes)
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return model


def _told() -> list[onnx.NodeProto]:
    """Return nodes from `clipped` (N,) to a normal distribution about it, of ten years' deviation."""
    return [
        helper.make_node("Unsqueeze", ["clipped", "axis_1"], ["middle"]),
        helper.make_node("Sub", ["bins", "middle"], ["off"]),
        helper.make_node("Mul", ["off", "off"], ["distance"]),
        helper.make_node("Mul", ["distance", "steepness"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["age_shares"], axis=1),
        helper.make_node("MatMul", ["age_shares", "bins"], ["age_years"]),
        helper.make_node("Unsqueeze", ["age_years", "axis_1"], ["expected"]),
        helper.make_node("Concat", ["expected", "middle"], ["view_ages_years"], axis=1),
    ]
