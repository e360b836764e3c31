"""The front of a quantised graph, computed another way to the same answers in less time.

A graph that judges a face and its mirror image, both enlarged, begins like this:

    crops -> MatMul, MatMul (enlarge) -> Gather, Concat (mirror) -> quantised Conv of stride 2 -> MaxPool

ONNX Runtime takes the channels of a quantised convolution in fours, and gathers single bytes where there are
three: that convolution took a fifth of the shipped model's time. `folded` changes two things:

1. Kernels are mirrored instead of pictures. With K taps at stride s on W = s (O - 1) + K columns, output j of
   the mirrored picture is sum_b w[b] x[W - 1 - (s j + b)] = sum_b w[K - 1 - b] x[s (O - 1 - j) + b]: output
   O - 1 - j of the picture itself with the kernel mirrored. So one picture meets 2 F kernels, and what the
   second F gave is turned round and put below the rest, behind the pooling, where it is smallest.
2. Rows and columns are sorted by parity into channels: a kernel of C x K x K at stride 2 is one of
   4 C x K/2 x K/2 at stride 1, an odd K filled up with zeros. Source: Shi et al., "Real-Time Single Image and
   Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network", CVPR 2016, section 2.2,
   read backwards. The enlarging products sort as they enlarge: their matrices' rows are put in that order.

From the quantised picture on, both forms add up the same integers, so they give the same integers. The sums
of the enlarging have the same terms in either form; in which order they are added is ONNX Runtime's business,
which is why `trainer quantize` compares the answers before it keeps a folded graph.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

STRIDE = 2
_TO_THE_END = np.iinfo(np.int64).min
"""Where a Slice that goes backwards ends, to include place 0. Source: ONNX's operators, Slice."""


class _OtherFrontError(Exception):
    """A graph does not begin in the one way that is known here."""


@dataclass(frozen=True, slots=True, eq=False)
class _Stem:
    """The nodes of a front that is to be computed another way, in their order.

    Attributes:
        columns: MatMul, crops (N, C, h, w) by (w, W).
        rows: MatMul, (H, h) by what `columns` gives.
        mirror: Gather and Concat, to (2 N, C, H, W).
        quantize: QuantizeLinear of it.
        kernels: DequantizeLinear of int8 (F, C, K, L), one scale for each of F, zero points 0.
        biases: DequantizeLinear of int32 (F,), likewise.
        convolution: Conv of stride 2, not padded, that uses every row and column.
        pooled: QuantizeLinear behind the MaxPool, likewise not padded.
        filters: F.
        channels: C.
    """

    columns: Any
    rows: Any
    mirror: tuple[Any, Any]
    quantize: Any
    kernels: Any
    biases: Any
    convolution: Any
    pooled: Any
    filters: int
    channels: int


class _Graph:
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


def folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model that gives the same answers sooner, or the given one where it begins in another way.

    Args:
        model: of `trainer.quantize.write_int8`; it stays as it is.
    """
    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph = _Graph(made.graph)
    try:
        stem = _recognised(graph)
    except _OtherFrontError:
        return model
    _change_weights(graph, stem)
    _sort_picture(graph, stem)
    _turn_behind_pooling(graph, stem)
    _tidy(made.graph)
    onnx.checker.check_model(made)
    return made


def mirrored_too(kernels: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return (2 F, C, K, L): the kernels (F, C, K, L), then the same with columns from right to left."""
    return np.concatenate([kernels, kernels[..., ::-1]])


def kernels_by_parity(kernels: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return (F, 4 C, ceil(K/2), ceil(L/2)) that do at stride 1 what (F, C, K, L) does at stride 2.

    Channel 4 c + 2 p + q holds the taps of channel c in rows of parity p and columns of parity q; a last row
    or column that an odd side lacks is zero.
    """
    filters, channels, rows, columns = kernels.shape
    even = np.pad(kernels, ((0, 0), (0, 0), (0, rows % 2), (0, columns % 2)))
    halves = even.reshape(filters, channels, even.shape[2] // 2, 2, even.shape[3] // 2, 2)
    return halves.transpose(0, 1, 3, 5, 2, 4).reshape(filters, 4 * channels, *halves.shape[2:5:2])


def rows_by_parity(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the even rows of (R, M), then the odd ones, and a row of zeros if R is odd: 2 ceil(R/2) rows."""
    even = np.pad(matrix, ((0, len(matrix) % 2), (0, 0)))
    return np.concatenate([even[0::2], even[1::2]])


def _require(holds: bool) -> None:
    if not holds:
        raise _OtherFrontError


def _recognised(graph: _Graph) -> _Stem:
    """Return the nodes of the front, each of which feeds the next and nothing else."""
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
    return _Stem(columns, rows, mirror, quantize, kernels, biases, convolution, pooled, filters, channels)


def _mirror(graph: _Graph, picture: str, width: int) -> tuple[Any, Any]:
    """Return Gather and Concat, which put a picture's mirror image below it along the batch."""
    takers = {node.op_type: node for node in graph.takers[picture]}
    _require(takers.keys() == {"Gather", "Concat"} and len(graph.takers[picture]) == 2)
    gather, concat = takers["Gather"], takers["Concat"]
    _require(_attributes(gather).get("axis") == 3 and _attributes(concat)["axis"] == 0)
    _require(np.array_equal(graph.constant(gather.input[1]), np.arange(width)[::-1]))
    _require(graph.only_taker(gather.output[0], "Concat", place=1) is concat)
    _require(list(concat.input) == [picture, gather.output[0]] and picture not in graph.answers)
    return gather, concat


def _dequantized(graph: _Graph, quantize: Any) -> str:
    """Return the name of what is read back from a QuantizeLinear, with its own scale and zero point."""
    node = graph.only_taker(quantize.output[0], "DequantizeLinear")
    _require(list(node.input[1:]) == list(quantize.input[1:]))
    return str(node.output[0])


def _weights(graph: _Graph, convolution: Any) -> tuple[Any, Any]:
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


def _change_weights(graph: _Graph, stem: _Stem) -> None:
    """Give the convolution mirrored kernels, too, and all of them by parity at stride 1."""
    kernels = kernels_by_parity(mirrored_too(graph.constant(stem.kernels.input[0])))
    for node in (stem.kernels, stem.biases):
        for place, name in enumerate(list(node.input)):
            of_kernels = node is stem.kernels and place == 0
            graph.replace(node, place, kernels if of_kernels else np.tile(graph.constant(name), 2))
    for attribute in stem.convolution.attribute:
        if attribute.name == "kernel_shape":
            attribute.ints[:] = kernels.shape[2:]
        if attribute.name == "strides":
            attribute.ints[:] = [1, 1]


def _sort_picture(graph: _Graph, stem: _Stem) -> None:
    """Leave out the mirrored picture, and give the convolution the other with parities as channels."""
    by_rows = rows_by_parity(graph.constant(stem.rows.input[0]))
    by_columns = rows_by_parity(graph.constant(stem.columns.input[1]).T).T
    graph.replace(stem.rows, 0, by_rows)
    graph.replace(stem.columns, 1, by_columns)
    stem.quantize.input[0] = stem.rows.output[0]
    for node in stem.mirror:
        graph.graph.node.remove(node)
    name = stem.quantize.output[0]
    whole, split, sorted_ = f"{name}_whole", f"{name}_split", f"{name}_sorted"
    sides = len(by_rows) // 2, by_columns.shape[1] // 2
    split_up, joined = [0, stem.channels, 2, sides[0], 2, sides[1]], [0, 4 * stem.channels, *sides]
    shapes = graph.add_integers(name, split_shape=split_up, joined_shape=joined)
    stem.quantize.output[0] = whole
    nodes = [
        helper.make_node("Reshape", [whole, shapes[0]], [split], name=split),
        helper.make_node("Transpose", [split], [sorted_], name=sorted_, perm=[0, 1, 2, 4, 3, 5]),
        helper.make_node("Reshape", [sorted_, shapes[1]], [name], name=f"{name}_joined"),
    ]
    graph.insert_behind(stem.quantize, nodes)


def _turn_behind_pooling(graph: _Graph, stem: _Stem) -> None:
    """Put what the mirrored kernels gave, turned round, below the rest along the batch."""
    filters, name = stem.filters, stem.pooled.output[0]
    joint, own, turned = f"{name}_joint", f"{name}_own", f"{name}_turned"
    first = graph.add_integers(own, starts=[0], ends=[filters], axes=[1])
    second = graph.add_integers(
        turned, starts=[filters, -1], ends=[2 * filters, _TO_THE_END], axes=[1, 3], steps=[1, -1]
    )
    stem.pooled.output[0] = joint
    nodes = [
        helper.make_node("Slice", [joint, *first], [own], name=own),
        helper.make_node("Slice", [joint, *second], [turned], name=turned),
        helper.make_node("Concat", [own, turned], [name], name=f"{name}_both", axis=0),
    ]
    graph.insert_behind(stem.pooled, nodes)


def _tidy(graph: Any) -> None:
    """Remove the constants that no node takes any more, and what was known of shapes that are others now."""
    taken = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in taken]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    del graph.value_info[:]
