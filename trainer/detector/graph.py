"""libfacedetection's network as an ONNX graph: uint8 pixels in, the maps of all strides out.

Source of the architecture: libfacedetection, src/facedetectcnn-model.cpp (objectdetect_cnn): a backbone of
pointwise and depthwise convolutions, a pyramid of three levels, four heads on each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from simsvc.adapters.inference.onnx_detector import INPUT, OUTPUT
from simsvc.domain.photo.detector_output import CHANNELS
from trainer.detector.weights import Layer

OPSET = 20  # as `trainer.export.bundle.OPSET`
IR_VERSION = 10
"""Of that opset's release, ONNX 1.15 to 1.16, so that the file does not hang on the installed onnx."""
_LEVELS = 3
_NECK = (23, 25, 27)  # first of two layers of each level's neck, finest level first
_HEADS = (29, 35, 41, 47)
"""First layer of the heads of class, box, object and landmarks; two layers a level, finest level first."""


class _Graph:
    """Nodes and weights in the making; every method returns the name of what it gives."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = layers
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []

    def add(self, kind: str, inputs: Sequence[str], name: str | None = None, **attributes: Any) -> str:
        name = name or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def tensor(self, values: NDArray[np.generic]) -> str:
        name = f"tensor_{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def convolved(
        self, x: str, weights: NDArray[np.float32], bias: NDArray[np.float32], stride: int = 1
    ) -> str:
        filters, depth, side, _ = weights.shape
        inputs, group = [x, self.tensor(weights), self.tensor(bias)], 1 if depth > 1 else filters
        shape: dict[str, Any] = {
            "kernel_shape": [side, side],
            "pads": [side // 2] * 4,
            "strides": [stride, stride],
        }
        return self.add("Conv", inputs, group=group, **shape)

    def pair(self, x: str, first: int) -> str:
        """Pointwise and depthwise, then cut at zero: convolutionDP."""
        for layer in self.layers[first : first + 2]:
            x = self.convolved(x, layer.weights, layer.bias)
        return self.add("Relu", [x])

    def unit(self, x: str, first: int) -> str:
        """Two pairs: convolution4layerUnit."""
        return self.pair(self.pair(x, first), first + 2)

    def halved(self, x: str) -> str:
        return self.add("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])

    def merged(self, coarse: str, fine: str) -> str:
        """Add the coarser level, each cell doubled, to the finer one."""
        scales = self.tensor(np.array([1, 1, 2, 2], dtype=np.float32))
        modes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return self.add("Add", [self.add("Resize", [coarse, "", scales], **modes), fine])

    def heads(self, x: str, level: int) -> str:
        """All four heads of a level in one pair of convolutions: their 16 channels side by side."""
        for step in range(2):
            parts = [self.layers[head + 2 * level + step] for head in _HEADS]
            weights = np.concatenate([part.weights for part in parts])
            x = self.convolved(x, weights, np.concatenate([part.bias for part in parts]))
        return self.add("Reshape", [x, self.tensor(np.array([CHANNELS, -1], dtype=np.int64))])


def first_weights(layer: Layer) -> NDArray[np.float32]:
    """Return the first layer's weights as (16, 3, 3, 3) for red, green, blue.

    The library gathers 3 x 3 pixels of blue, green, red into 27 channels, and pads these to 32 with zeros.
    """
    return layer.weights[:, :27, 0, 0].reshape(-1, 3, 3, 3).transpose(0, 3, 1, 2)[:, ::-1]


def detector_graph(layers: Sequence[Layer]) -> onnx.ModelProto:
    """Return the graph.

    It takes `rgb`, uint8 (H, W, 3), H and W multiples of 32, and gives `maps`, float32 (16, N): see
    `simsvc.domain.photo.detector_output`.
    """
    graph = _Graph(layers)
    levels = _backbone(graph)
    maps = [""] * _LEVELS
    for level in reversed(range(_LEVELS)):
        if level + 1 < _LEVELS:
            levels[level] = graph.merged(levels[level + 1], levels[level])
        levels[level] = graph.pair(levels[level], _NECK[level])
        maps[level] = graph.heads(levels[level], level)
    graph.add("Concat", maps, OUTPUT, axis=1)
    rgb = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["height", "width", 3])
    found = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [CHANNELS, "cells"])
    made = helper.make_graph(graph.nodes, "libfacedetection", [rgb], [found], graph.tensors)
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(made, opset_imports=[opset], ir_version=IR_VERSION, producer_name="simsvc")
    onnx.checker.check_model(model, full_check=True)
    return model


def _backbone(graph: _Graph) -> list[str]:
    pixels = graph.add("Cast", [graph.add("Transpose", [INPUT], perm=[2, 0, 1])], to=TensorProto.FLOAT)
    x = graph.add("Unsqueeze", [pixels, graph.tensor(np.array([0], dtype=np.int64))])
    first = graph.layers[0]
    x = graph.add("Relu", [graph.convolved(x, first_weights(first), first.bias, stride=2)])
    x = graph.halved(graph.pair(x, 1))
    x = graph.unit(graph.unit(x, 3), 7)
    fine = graph.unit(graph.halved(x), 11)
    middle = graph.unit(graph.halved(fine), 15)
    return [fine, middle, graph.unit(graph.halved(middle), 19)]
