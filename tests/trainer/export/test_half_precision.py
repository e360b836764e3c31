from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from simsvc.adapters.inference.bundle import GRAPH, Bundle, load_bundle
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.adapters.inference.openvino_model import OpenVinoModel
from simsvc.errors import BundleDamaged
from tests.tiny_bundle import fingerprint
from tests.trainer.export.helpers import SIDE_PX, crops, graph
from trainer.export import bundle as export
from trainer.export.half_precision import (
    HALF_NAME,
    LEAST_NUMBERS,
    round_weights,
    with_float_weights,
    with_half_weights,
)
from trainer.export.quantize import write_int8
from trainer.export.restore import served_graph
from trainer.export.torch_model import TorchModel

SIDE = round(LEAST_NUMBERS**0.5)


@pytest.fixture(scope="module")
def half(bundle_folder: Path) -> Bundle:
    """Return a bundle of rounded weights."""
    return load_bundle(bundle_folder)


@pytest.fixture(scope="module")
def single(half: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Return a bundle of the same weights in float32."""
    folder = tmp_path_factory.mktemp("single")
    onnx.save(with_float_weights(onnx.load(half.graph_path)), folder / GRAPH)
    document = half.raw | {"files": {GRAPH: fingerprint(folder / GRAPH)}}
    (folder / "model.json").write_text(json.dumps(document))
    return load_bundle(folder)


def matrix_graph(value: NDArray[Any]) -> onnx.ModelProto:
    """Return a graph that multiplies its input by a matrix."""
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, None])
    told = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, None])
    constants = [numpy_helper.from_array(value, "matrix")]
    made = helper.make_graph(
        [helper.make_node("MatMul", ["x", "matrix"], ["y"])], "one", [given], [told], constants
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", export.OPSET)])


def halves(value: NDArray[Any]) -> list[str]:
    """Return the names of what is stored as float16 of a graph with that matrix."""
    stored = with_half_weights(matrix_graph(value)).graph.initializer
    return [tensor.name for tensor in stored if tensor.data_type == TensorProto.FLOAT16]


def test_rounds_large_weights_alone() -> None:
    """A large matrix is rounded to half precision; its bias, small ones and buffers stay as they are."""
    model = nn.Sequential(nn.Linear(SIDE, SIDE), nn.Linear(SIDE, 2), nn.BatchNorm1d(2)).eval()
    model.register_buffer("resize", torch.rand(SIDE, SIDE))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    round_weights(model)
    after = model.state_dict()
    assert torch.equal(after.pop("0.weight"), before["0.weight"].half().float())
    assert all(torch.equal(tensor, before[name]) for name, tensor in after.items())


def test_rounds_what_the_exporter_multiplies() -> None:
    """A kernel is rounded after its batch norm is multiplied into it, not before."""
    model = nn.Sequential(nn.Conv2d(SIDE, SIDE, 1, bias=False), nn.BatchNorm2d(SIDE)).eval()
    nn.init.constant_(model[1].weight, 0.3)
    product = model[0].weight.double() * model[1].weight.double()[:, None, None, None] / (1 + 1e-5) ** 0.5
    round_weights(model)
    assert torch.equal(model[0].weight, product.float().half().float())


def test_numbers_below_half_precision_become_zero() -> None:
    """Dead channels have weights below 6e-8; nothing is made of them."""
    model = nn.Linear(SIDE, SIDE)
    nn.init.constant_(model.weight, 1e-8)
    round_weights(model)
    assert not model.weight.any()


@pytest.mark.parametrize("value", [7e4, float("inf"), float("nan")])
def test_numbers_beyond_half_precision_are_refused(value: float) -> None:
    """The sentence names the weight, its largest number and the limit, and the weight stays."""
    model = nn.Sequential(nn.Linear(SIDE, SIDE))
    with torch.no_grad():
        model[0].weight[3, 5] = value
    with pytest.raises(BundleDamaged, match=rf"0\.weight .* is (?i:{value:.6g}), and 65504 is the limit"):
        round_weights(model)
    assert torch.isclose(model[0].weight[3, 5], torch.tensor(value), equal_nan=True)


def test_stores_as_half_what_loses_nothing() -> None:
    """A large matrix of half precision is stored so; one that would change, or a small one, is not."""
    matrix = np.random.default_rng(0).normal(size=(SIDE, SIDE)).astype(np.float16).astype(np.float32)
    assert halves(matrix) == ["matrix" + HALF_NAME]
    assert halves(matrix[1:]) == []
    assert halves(matrix.ravel()) == []
    matrix[0, 0] = 0.1
    assert halves(matrix) == []
    matrix[0, 0] = 1e6
    assert halves(matrix) == []


def test_back_to_float32() -> None:
    """A graph is the same after it was stored in half precision and read back, field for field."""
    plain = matrix_graph(np.ones((SIDE, SIDE), np.float32))
    before = plain.SerializeToString(deterministic=True)
    stored = with_half_weights(plain)
    onnx.checker.check_model(stored, full_check=True)
    assert with_float_weights(stored) == plain
    assert with_float_weights(plain) == plain
    assert plain.SerializeToString(deterministic=True) == before


def test_a_bundle_of_rounded_weights_is_half_as_large(half: Bundle, single: Bundle) -> None:
    """Nearly every number of the graph takes two bytes instead of four."""
    sizes = [bundle.graph_path.stat().st_size for bundle in (half, single)]
    assert 0.5 < sizes[0] / sizes[1] < 0.51


def test_a_bundle_of_rounded_weights_computes_what_the_model_does(
    small: export.ServedGraph, half: Bundle
) -> None:
    """The bundle is as near to the model as one in float32 is."""
    age_gap, cosine = export.parity(small, half.folder, crops(SIDE_PX))
    assert age_gap < export.AGE_TOLERANCE_YEARS
    assert cosine > 1 - export.COSINE_TOLERANCE


def test_rounding_moves_answers_little(half: Bundle) -> None:
    """Ages and embeddings stay near those of the model that was not rounded."""
    with torch.no_grad():
        exact = graph("resnet18", "regression", SIDE_PX, 5)
        x = torch.from_numpy(export.to_tensor(crops(SIDE_PX), half.mean, half.std))
        ages, embeddings = exact(x)
    told = OnnxModel(half).predict(crops(SIDE_PX))
    assert told.ages_years == pytest.approx(ages.numpy(), abs=0.1)
    assert (told.embeddings * embeddings.numpy()).sum(axis=1).min() > 0.999


@pytest.mark.parametrize("count", [1, 5])
def test_onnx_runtime_computes_in_float32(half: Bundle, single: Bundle, count: int) -> None:
    """Answers are the same, bit for bit, as of the same weights stored in float32."""
    one, other = (OnnxModel(bundle).predict(crops(SIDE_PX, count)) for bundle in (half, single))
    assert np.array_equal(one.ages_years, other.ages_years)
    assert np.array_equal(one.embeddings, other.embeddings)


def test_openvino_computes_in_float32(half: Bundle, single: Bundle) -> None:
    """OpenVINO answers as it does for the same weights stored in float32."""
    pytest.importorskip("openvino", reason="OpenVINO is not installed; it is an extra of its own")
    one, other = (OpenVinoModel(bundle).predict(crops(SIDE_PX)) for bundle in (half, single))
    assert one.ages_years == pytest.approx(other.ages_years, abs=1e-3)
    assert one.embeddings == pytest.approx(other.embeddings, abs=1e-5)


def test_both_forms_are_restored(small: export.ServedGraph, half: Bundle, single: Bundle) -> None:
    """Modules restored from either form have the same weights, those of the model."""
    one, other = (served_graph(bundle.graph_path).state_dict() for bundle in (half, single))
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    kernels = [name for name, tensor in small.named_parameters() if tensor.ndim >= 2]
    assert all(torch.equal(one[name], small.state_dict()[name]) for name in kernels)


def test_the_torch_engine_reads_half_precision(half: Bundle) -> None:
    """PyTorch answers as ONNX Runtime does."""
    served, restored = OnnxModel(half).predict(crops(SIDE_PX)), TorchModel(half).predict(crops(SIDE_PX))
    assert restored.ages_years == pytest.approx(served.ages_years, abs=export.AGE_TOLERANCE_YEARS)
    assert (restored.embeddings * served.embeddings).sum(axis=1).min() > 1 - export.COSINE_TOLERANCE


@pytest.mark.proof
@pytest.mark.slow
def test_a_restored_model_is_exported_alike(half: Bundle, tmp_path: Path) -> None:
    """Export, restore and export again give the same graph, so that nothing is rounded twice."""
    export.write_graph(served_graph(half.graph_path), SIDE_PX, tmp_path / GRAPH)
    first, again = (with_float_weights(onnx.load(path)).graph for path in (half.graph_path, tmp_path / GRAPH))
    stored = {tensor.name: tensor for tensor in again.initializer}
    assert all(stored[tensor.name] == tensor for tensor in first.initializer)
    assert (tmp_path / GRAPH).stat().st_size == half.graph_path.stat().st_size


def test_the_int8_graph_is_that_of_the_float32_form(half: Bundle, single: Bundle, tmp_path: Path) -> None:
    """Quantising either form gives the same file, byte for byte."""
    for bundle in (half, single):
        out = tmp_path / bundle.folder.name
        write_int8(bundle.graph_path, out, crops(SIDE_PX, 20), bundle.mean, bundle.std)
    one, other = ((tmp_path / bundle.folder.name).read_bytes() for bundle in (half, single))
    assert one == other
