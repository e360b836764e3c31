"""fp32 graph to int8: static QDQ, calibrated on training crops, one scale for each channel."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process

from simsvc.domain.gallery.nearest import spread
from simsvc.domain.photo.tensor import to_tensor
from simsvc.values import Crop, FloatVector
from trainer.export.half_precision import with_float_weights

CONVOLUTIONS = "Conv"
"""What is quantised: it is nearly all of the work, and what follows the pooling (scores of ages, projection)
is nearly all of the precision."""
OVERLAP_AT = 10
MOST_MAE_YEARS = 0.05
LEAST_OVERLAP = 0.9
"""What int8 may cost: the mean absolute error moves by at most this, and at least this share of the ten
nearest faces stays. They are the project's own bounds, and model.json keeps what was measured."""
QUERIES = 1000
_BATCH = 16


class _Crops(quantization.CalibrationDataReader):  # type: ignore[misc]  # ONNX Runtime has no types
    def __init__(self, crops: Sequence[Crop], mean: Sequence[float], std: Sequence[float]) -> None:
        starts = range(0, len(crops), _BATCH)
        self._batches = ({"crops": to_tensor(crops[at : at + _BATCH], mean, std)} for at in starts)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next batch, or None after the last."""
        return next(self._batches, None)


def write_int8(
    graph: Path, out: Path, crops: Sequence[Crop], mean: Sequence[float], std: Sequence[float], ends: int = 0
) -> None:
    """Write the int8 form of a graph.

    Activations are uint8 with a zero point and weights int8 by channel: what AVX512-VNNI multiplies.
    Source: ONNX Runtime's documentation, "Quantize ONNX Models".
    The ranges of activations come from training crops of the model's input side; mean and std are by channel,
    of pixels in 0..1. `ends` is how many convolutions at either end of the graph stay fp32.
    """
    with tempfile.TemporaryDirectory() as folder:
        plain, prepared = Path(folder) / "plain.onnx", Path(folder) / "prepared.onnx"
        onnx.save(with_float_weights(onnx.load(graph)), plain)
        quant_pre_process(str(plain), str(prepared), skip_symbolic_shape=True)
        name_nodes(prepared)
        quantization.quantize_static(
            str(prepared),
            str(out),
            _Crops(crops, mean, std),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=[CONVOLUTIONS, "Add", "Relu", "Clip", "MaxPool"],
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            nodes_to_exclude=left_alone(prepared, ends),
            calibrate_method=quantization.CalibrationMethod.MinMax,
            extra_options={"ActivationSymmetric": False},
        )


def name_nodes(path: Path) -> None:
    """Give every node of a graph a unique name, to exclude nodes by name."""
    graph = onnx.load(str(path))
    for place, node in enumerate(graph.graph.node):
        node.name = f"{place} {node.op_type}"
    onnx.save(graph, str(path))


def left_alone(graph: Path, ends: int = 0) -> list[str]:
    """Return the names of the nodes that stay fp32: those spared, and all before and after the quantised."""
    nodes = onnx.load(str(graph)).graph.node
    places = [place for place, node in enumerate(nodes) if node.op_type == CONVOLUTIONS]
    kept = places[ends : len(places) - ends]
    return [node.name for place, node in enumerate(nodes) if not kept or not kept[0] <= place <= kept[-1] + 1]


def overlap(first: FloatVector, second: FloatVector, queries: int, k: int = OVERLAP_AT) -> float:
    """Return the share of the k nearest faces that two models' embeddings have in common, 0..1.

    `first` and `second` are float32 (N, D) unit rows of the same faces; `queries` of the faces, spread
    evenly, are asked with, and none finds itself.
    """
    asked = spread(len(first), queries)
    near = [_nearest(rows, asked, k) for rows in (first, second)]
    return float(np.mean([len(set(one) & set(other)) for one, other in zip(*near, strict=True)])) / k


def _nearest(rows: FloatVector, asked: NDArray[np.int64], k: int) -> list[list[int]]:
    cosines = rows[asked] @ rows.T
    cosines[np.arange(len(asked)), asked] = -np.inf
    nearest: list[list[int]] = np.argpartition(-cosines, k, axis=1)[:, :k].tolist()
    return nearest
