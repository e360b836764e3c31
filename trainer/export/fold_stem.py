"""The front of a quantised graph, computed another way to the same answers in less time.

A graph for a face and its mirror image, both enlarged, begins like this:

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

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from trainer.export.stem import Graph, OtherFrontError, Stem, recognised

_TO_THE_END = np.iinfo(np.int64).min
"""Where a Slice that goes backwards ends, to include place 0. Source: ONNX's operators, Slice."""


def folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model that gives the same answers sooner, or the given one where it begins in another way."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph = Graph(made.graph)
    try:
        stem = recognised(graph)
    except OtherFrontError:
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


def _change_weights(graph: Graph, stem: Stem) -> None:
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


def _sort_picture(graph: Graph, stem: Stem) -> None:
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


def _turn_behind_pooling(graph: Graph, stem: Stem) -> None:
    """Put what the mirrored kernels gave, turned round, below the rest along the batch."""
    filters, name = stem.filters, stem.pooled.output[0]
    joint, own, turned = f"{name}_joint", f"{name}_own", f"{name}_turned"
    first = graph.add_integers(own, starts=[0], ends=[filters], axes=[1])
    starts, ends = [filters, -1], [2 * filters, _TO_THE_END]
    second = graph.add_integers(turned, starts=starts, ends=ends, axes=[1, 3], steps=[1, -1])
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
