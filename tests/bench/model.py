"""The model: fp32 against int8 against OpenVINO, alone and in batches, beside what the machine could do."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

from simsvc.adapters.inference.bundle import OUTPUTS, Bundle, load_bundle
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.adapters.inference.openvino_model import OpenVinoModel
from simsvc.domain.photo.tensor import to_tensor
from simsvc.settings import Settings
from simsvc.values import Crop
from tests.bench.machine import cores, peak_gflops
from tests.bench.timing import Figures, compared

BATCHES = (1, 4, 32)
Predict = Callable[[list[Crop]], object]


def figures(settings: Settings) -> Figures:
    """Return milliseconds a face of every way to run the model, and its share of the machine's peak."""
    bundle = load_bundle(settings.bundle_dir)
    generator = np.random.default_rng(0)
    shape = (max(BATCHES), bundle.size_px, bundle.size_px, 3)
    crops = [Crop(rgb) for rgb in generator.integers(0, 256, shape, dtype=np.uint8)]
    gflop, peak = gflop_a_face(bundle.graph_path, bundle.size_px), peak_gflops()
    found: Figures = {"cost": {"gflop_a_face": gflop, "peak_gflops": peak}}
    for threads, batch in ((1, 1), (1, 4), (cores(), 1), (cores(), 32)):
        ways = {name: partial(way, crops[:batch]) for name, way in _ways(bundle, threads).items()}
        for name, row in compared(ways, rounds=40 if batch == 1 else 6).items():
            a_face = row["p50_ms"] / batch
            found[f"{name}, {_count(threads, 'thread')}, batch {batch}"] = {
                "ms_a_face": round(a_face, 2),
                "p95_ms_a_face": round(row["p95_ms"] / batch, 2),
                "of_one_thread_peak": round(gflop / a_face * 1e3 / peak, 2),
            }
    return _beside_fp32(found)


def missing() -> list[str]:
    """Say what is not measured here, and why."""
    told = [] if has_openvino() else ["OpenVINO is not installed: pip install -e '.[bench]' adds its rows."]
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        told.append("No GPU that ONNX Runtime can use: no row of it.")
    return told


def gflop_a_face(graph: Path, size_px: int) -> float:
    """Return the multiplications and additions of convolutions and matrix products, in 1e9, for one crop."""
    model = onnx.load(str(graph))
    dims = model.graph.input[0].type.tensor_type.shape.dim
    for dim, size in zip(dims, (1, 3, size_px, size_px), strict=True):
        dim.dim_value = size
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*inferred.value_info, *inferred.output, *inferred.input)
    }
    shapes.update({weight.name: list(weight.dims) for weight in inferred.initializer})
    return round(sum(_operations(node, shapes) for node in inferred.node) / 1e9, 3)


def _operations(node: Any, shapes: dict[str, list[int]]) -> float:
    """Return two for each product that is added up."""
    if node.op_type not in {"Conv", "Gemm", "MatMul"}:
        return 0.0
    out, weight = shapes.get(node.output[0], [0]), shapes.get(node.input[1], [0])
    inner = float(np.prod(weight[1:])) if node.op_type == "Conv" else float(np.prod(weight)) / max(out[-1], 1)
    return 2.0 * float(np.prod(out)) * inner


def _ways(bundle: Bundle, threads: int) -> dict[str, Predict]:
    ways: dict[str, Predict] = {}
    for name, graph in {"fp32": bundle.graph_path, "in service": bundle.served_path}.items():
        ways[name] = OnnxModel(bundle, threads, graph=graph).predict
    if has_openvino():
        ways["OpenVINO"] = OpenVinoModel(bundle, threads, precision="fp32").predict
        ways["OpenVINO in service"] = OpenVinoModel(bundle, threads).predict
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        ways["GPU"] = _gpu_way(bundle)
    return ways


def _beside_fp32(found: Figures) -> Figures:
    for name, row in found.items():
        fp32 = found.get(f"fp32{name[name.find(',') :]}")
        if fp32 is not None:
            row["of_fp32"] = round(row["ms_a_face"] / fp32["ms_a_face"], 2)
    return found


def has_openvino() -> bool:
    """Say whether OpenVINO is installed."""
    return importlib.util.find_spec("openvino") is not None


def _gpu_way(bundle: Bundle) -> Predict:
    session = onnxruntime.InferenceSession(bundle.graph_path, providers=["CUDAExecutionProvider"])
    return lambda crops: session.run(OUTPUTS, {"crops": to_tensor(crops, bundle.mean, bundle.std)})


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
