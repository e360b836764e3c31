"""The front of a graph that `trainer.export.fold_stem` can compute another way, recognised node by node."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import helper, numpy_helper

STRIDE = 2


class OtherFrontError(Exception):
    """A graph does not begin in the one way that is known here."""


@dataclass(frozen=True, slots=True, eq=False)
class Stem:
    """The nodes of a front that is to be computed another way, in their order."""

    columns: Any  # MatMul, crops (N, C, h, w) by (w, W)
    rows: Any  # MatMul, (H, h) by what `columns` gives
    mirror: tuple[Any, Any]  # Gather and Concat, to (2 N, C, H, W)
    quantize: Any  # QuantizeLinear of it
    kernels: Any  # DequantizeLinear of int8 (F, C, K, L), one scale for each of F, zero points 0
    biases: Any  # DequantizeLinear of int32 (F,), likewise
    convolution: Any  # Conv of stride 2, not padded, that uses every row and column
    pooled: Any  # QuantizeLinear behind the MaxPool, likewise not padded
    filters: int  # F
    channels: int  # C


class Graph:
    """A graph's nodes by the tensors they take and give, and its constants."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self.givers = {name: node for node in graph.node for name in node.output}
        self.takers: dict[str, list[Any]] = defaultdict(list)
        for node in graph.node:
            for name in node.input:
                self.takers[name].append(node)
        self.answers = {value.name for value in graph.output}

    def only_taker(self, name: str, kind: str, place: int = 0) -> Any:
        """Return the node of a kind that alone takes a tensor, at that place of its inputs."""
        takers = self.takers[name]
        _require(len(takers) == 1 and takers[0].op_type == kind and name not in self.answers)
        _require(takers[0].input[place] == name)
        return takers[0]

    def constant(self, name: str) -> NDArray[Any]:
        """Return the value of a constant."""
        _require(name in self.constants)
        return self.constants[name]

    def replace(self, node: Any, place: int, value: NDArray[Any]) -> None:
        """Let a node take another value of a constant, of which others may take the former."""
        node.input[place] = self.add(f"{node.output[0]}_from_{place}", value)

    def add(self, name: str, value: NDArray[Any]) -> str:
        """Add a constant and return its name."""
        self.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add_integers(self, name: str, **values: list[int]) -> list[str]:
        """Add constants int64 (n,) and return their names, which begin with `name`."""
        return [self.add(f"{name}_{key}", np.array(value, np.int64)) for key, value in values.items()]

    def insert_behind(self, node: Any, nodes: Sequence[Any]) -> None:
        """Put nodes into the graph's order, the first of them next after `node`."""
        place = list(self.graph.node).index(node) + 1
        for offset, new in enumerate(nodes):
            self.graph.node.insert(place + offset, new)


def _require(holds: bool) -> None:
    if not holds:
        raise OtherFrontError


def recognised(graph: Graph) -> Stem:
    """Return the nodes of the front, each of which feeds the next and nothing else.

    Raises:
        OtherFrontError: the graph begins in another way.
    """
    columns = graph.only_taker(graph.graph.input[0].name, "MatMul")
    rows = graph.only_taker(columns.output[0], "MatMul", place=1)
    by_rows, by_columns = graph.constant(rows.input[0]), graph.constant(columns.input[1])
    _require(by_rows.ndim == by_columns.ndim == 2)
    height, width = len(by_rows), by_columns.shape[1]
    mirror = _mirror(graph, rows.output[0], width)
    quantize = graph.only_taker(mirror[1].output[0], "QuantizeLinear")
    convolution = graph.only_taker(_dequantized(graph, quantize), "Conv")
    given = convolution.output[0]
    if [node.op_type for node in graph.takers[given]] == ["Relu"]:
        given = graph.only_taker(given, "Relu").output[0]
    pool = graph.only_taker(_dequantized(graph, graph.only_taker(given, "QuantizeLinear")), "MaxPool")
    pooled = graph.only_taker(pool.output[0], "QuantizeLinear")
    _require(all(graph.constant(node.input[1]).size == 1 for node in (quantize, pooled)))
    kernels, biases = _weights(graph, convolution)
    filters, channels, *sides = graph.constant(kernels.input[0]).shape
    _require(len(sides) == 2)
    outputs = _windows(convolution, sides, (height, width))
    _require(_attributes(convolution).get("strides") == [STRIDE, STRIDE])
    _windows(pool, _attributes(pool)["kernel_shape"], outputs)
    return Stem(columns, rows, mirror, quantize, kernels, biases, convolution, pooled, filters, channels)


def _mirror(graph: Graph, picture: str, width: int) -> tuple[Any, Any]:
    """Return Gather and Concat, which put a picture's mirror image below it along the batch."""
    takers = {node.op_type: node for node in graph.takers[picture]}
    _require(takers.keys() == {"Gather", "Concat"} and len(graph.takers[picture]) == 2)
    gather, concat = takers["Gather"], takers["Concat"]
    _require(_attributes(gather).get("axis") == 3 and _attributes(concat)["axis"] == 0)
    _require(np.array_equal(graph.constant(gather.input[1]), np.arange(width)[::-1]))
    _require(graph.only_taker(gather.output[0], "Concat", place=1) is concat)
    _require(list(concat.input) == [picture, gather.output[0]] and picture not in graph.answers)
    return gather, concat


def _dequantized(graph: Graph, quantize: Any) -> str:
    node = graph.only_taker(quantize.output[0], "DequantizeLinear")
    _require(list(node.input[1:]) == list(quantize.input[1:]))
    return str(node.output[0])


def _weights(graph: Graph, convolution: Any) -> tuple[Any, Any]:
    """Return the nodes that give the convolution, and no other, its kernels and biases."""
    _require(len(convolution.input) == 3)
    _require(all(name in graph.givers for name in convolution.input[1:]))
    nodes = [graph.givers[name] for name in convolution.input[1:]]
    for place, (node, kind) in enumerate(zip(nodes, (np.int8, np.int32), strict=True), start=1):
        _require(node.op_type == "DequantizeLinear" and len(node.input) == 3)
        _require(graph.only_taker(node.output[0], "Conv", place) is convolution)
        values, scales, zeros = (graph.constant(name) for name in node.input)
        _require(values.dtype == kind and scales.shape == zeros.shape == (len(values),) and not zeros.any())
        _require(_attributes(node).get("axis") == 0)
    return nodes[0], nodes[1]


def _windows(node: Any, kernel: Sequence[int], sides: tuple[int, int]) -> tuple[int, int]:
    """Return how many windows fit along height and width: without padding, and with nothing left over."""
    told = _attributes(node)
    _require(told.get("auto_pad", b"NOTSET") == b"NOTSET" and told.get("group", 1) == 1)
    _require(not any(told.get("pads", [])) and not told.get("ceil_mode", 0))
    _require(set(told.get("dilations", [1])) == {1} and len(node.output) == 1)
    steps = told.get("strides", [1, 1])
    spare = [side - window for side, window in zip(sides, kernel, strict=True)]
    _require(all(rest >= 0 and rest % step == 0 for rest, step in zip(spare, steps, strict=True)))
    return spare[0] // steps[0] + 1, spare[1] // steps[1] + 1


def _attributes(node: Any) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
