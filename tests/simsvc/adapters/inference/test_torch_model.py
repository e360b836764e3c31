from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from simsvc.adapters.inference.bundle import load_bundle
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.errors import BundleDamaged
from simsvc.values import Crop
from tests.drawn_faces import draw_face
from tests.tiny_bundle import make_tiny_bundle

torch = pytest.importorskip("torch", reason="PyTorch is not installed; it belongs to the train extra")

from simsvc.adapters.inference.torch_model import TorchModel  # noqa: E402 - imports torch, which may be missing
from simsvc.adapters.inference.torch_operators import OPERATORS  # noqa: E402 - as above


class SmallAgeModel(torch.nn.Module):  # type: ignore[misc,name-defined] # torch is imported above, or the file skipped
    """The layers of a real age model in small: both pools, both norms, a residual, depthwise, 101 ages."""

    def __init__(self) -> None:
        super().__init__()
        nn = torch.nn
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.MaxPool2d(3, 2, 1)
        )
        self.depthwise = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.BatchNorm2d(8), nn.ReLU6())
        self.pad = nn.ZeroPad2d((0, 1, 0, 1))
        self.linear = nn.Sequential(nn.BatchNorm1d(16), nn.Linear(16, 12), nn.ReLU())
        self.ages = nn.Linear(12, 101)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
                nn.init.uniform_(module.running_mean, -0.3, 0.3)
                nn.init.uniform_(module.running_var, 0.5, 1.5)

    def forward(self, x: Any) -> tuple[Any, Any]:
        """Return ages (N,) and embeddings (N, 12)."""
        x = self.stem(self.pad(x))
        x = x + self.depthwise(x)
        pools = torch.nn.functional.adaptive_max_pool2d(x, 1), torch.nn.functional.adaptive_avg_pool2d(x, 1)
        features = self.linear(torch.cat(pools, dim=1).flatten(1))
        ages = (self.ages(features).softmax(1) * torch.arange(101.0)).sum(1)
        return ages, torch.nn.functional.normalize(features)


def exported(folder: Path, *, dynamo: bool) -> Path:
    """Export the small model into a tiny bundle's place."""
    make_tiny_bundle(folder, dims=12)
    torch.manual_seed(1)
    path, names = folder / "model.onnx", ["age_years", "embedding"]
    free = (
        {"dynamic_shapes": {"x": {0: torch.export.Dim("n")}}}
        if dynamo
        else {"dynamic_axes": {name: {0: "n"} for name in ("crops", *names)}}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the older exporter says that it is older
        torch.onnx.export(
            SmallAgeModel().eval(), (torch.randn(2, 3, 32, 32),), path, input_names=["crops"],
            output_names=names, opset_version=18, dynamo=dynamo, external_data=False, verbose=False, **free,
        )  # fmt: skip
    return vouch(folder)


def vouch(folder: Path) -> Path:
    """Let model.json state the graph that lies there now."""
    document = json.loads((folder / "model.json").read_text())
    data = (folder / "model.onnx").read_bytes()
    document["files"]["model.onnx"] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    (folder / "model.json").write_text(json.dumps(document))
    return folder


@pytest.fixture(scope="module", params=["dynamo", "older exporter", "by hand"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bundle")
    if request.param == "by hand":
        return make_tiny_bundle(place)
    return exported(place, dynamo=request.param == "dynamo")


def crops(count: int) -> list[Crop]:
    return [Crop(np.asarray(draw_face(seed, 32))) for seed in range(count)]


def test_the_two_engines_agree(folder: Path) -> None:
    """ONNX Runtime and the hooked PyTorch modules give the same age (0.01 year) and embedding (0.9999)."""
    bundle = load_bundle(folder)
    one, other = OnnxModel(bundle).predict(crops(7)), TorchModel(bundle).predict(crops(7))
    np.testing.assert_allclose(one.ages_years, other.ages_years, atol=0.01)
    assert (one.embeddings * other.embeddings).sum(axis=1).min() >= 0.9999
    assert one.embeddings.std(axis=0).max() > 0.01, "faces differ, so agreement means something"


def test_the_embedding_is_what_a_forward_hook_catches(folder: Path) -> None:
    """The hooked node is the one before the division by the length: its raw activations, normalised."""
    model = TorchModel(load_bundle(folder))
    seen: list[Any] = []
    handle = model.graph.embedding_source().register_forward_hook(lambda _m, _i, output: seen.append(output))
    prediction = model.predict(crops(3))
    handle.remove()
    lengths = np.linalg.norm(seen[0].numpy(), axis=1, keepdims=True)
    assert np.abs(lengths - 1).max() > 0.01
    np.testing.assert_allclose(seen[0].numpy() / lengths, prediction.embeddings, atol=1e-6)


def test_no_hook_is_left_behind(folder: Path) -> None:
    """After a pass, and after a pass that failed, no module bears a hook."""
    model = TorchModel(load_bundle(folder))
    model.predict(crops(2))
    model.graph.node_of("age_years").op_type = "Nothing"
    with pytest.raises(KeyError):
        model.predict(crops(2))
    assert [name for name, module in model.graph.named_modules() if module._forward_hooks] == []


def test_tells_its_bundle(folder: Path) -> None:
    """Both engines bear the same identity, so an index built by one serves the other."""
    bundle = load_bundle(folder)
    one, other = OnnxModel(bundle), TorchModel(bundle)
    names = ("version", "sha256", "dims", "input_px", "crop_margin")
    assert [getattr(one, name) for name in names] == [getattr(other, name) for name in names]


def test_an_unknown_operator_is_a_sentence(tmp_path: Path) -> None:
    """A graph that this engine cannot run names the operator and the other engine."""
    folder = make_tiny_bundle(tmp_path)
    model = onnx.load(folder / "model.onnx")
    model.graph.node[1].op_type = "Celu"
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(BundleDamaged, match=r"Celu.*--engine onnx"):
        TorchModel(load_bundle(vouch(folder)))


RANDOM = np.random.default_rng(1)
X = RANDOM.standard_normal((2, 4, 7, 7)).astype(np.float32)
FLAT = RANDOM.standard_normal((2, 6)).astype(np.float32)


def whole(*numbers: int) -> NDArray[np.int64]:
    return np.array(numbers, dtype=np.int64)


def scalar(number: float) -> NDArray[np.float32]:
    return np.array(number, dtype=np.float32)


CASES: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("Add", [X, X[:, :1]], {}),
    ("AveragePool", [X], {"kernel_shape": [3, 3], "strides": [2, 2]}),
    ("AveragePool", [X], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
    ("AveragePool", [X], {"kernel_shape": [3, 3], "pads": [1, 0, 0, 1], "count_include_pad": 1}),
    ("BatchNormalization", [X, *(np.abs(X[0, :, 0, 0]) + s for s in (1, 2, 3, 4))], {"epsilon": 0.01}),
    ("Cast", [FLAT], {"to": onnx.TensorProto.INT64}),
    ("Ceil", [X], {}),
    ("Clip", [X, scalar(-0.5), scalar(0.5)], {}),
    ("Clip", [X, scalar(0.1)], {}),
    ("Clip", [X, None, scalar(0.5)], {}),
    ("Clip", [X], {}),
    ("Concat", [X, X], {"axis": -3}),
    ("ConstantOfShape", [whole(2, 3)], {}),
    ("ConstantOfShape", [whole(4)], {"value": numpy_helper.from_array(whole(7))}),
    ("Conv", [X, np.tile(X[:, :2, :3, :3], (2, 1, 1, 1))], {"group": 2, "pads": [0, 1, 2, 1]}),
    ("Conv", [X, X[:, :, :2, :2], X[0, :2, 0, 0]], {"strides": [2, 3], "dilations": [2, 1]}),
    ("Div", [X, scalar(3)], {}),
    ("Div", [whole(7, 9), whole(2, 5)], {}),
    ("Dropout", [X], {}),
    ("Exp", [X], {}),
    ("Expand", [FLAT[:, :1], whole(2, 5)], {}),
    ("Expand", [FLAT, whole(1, 1)], {}),
    ("Flatten", [X], {}),
    ("Flatten", [X], {"axis": 3}),
    ("Gather", [X, whole(2, 0)], {"axis": 1}),
    ("Gather", [FLAT, np.array(1, dtype=np.int64)], {"axis": -1}),
    ("Gemm", [FLAT, FLAT, FLAT[:, 0]], {"transB": 1, "alpha": 0.5, "beta": 2.0}),
    ("Gemm", [FLAT, FLAT], {"transA": 1}),
    ("GlobalAveragePool", [X], {}),
    ("GlobalMaxPool", [X], {}),
    ("Identity", [X], {}),
    ("LpNormalization", [FLAT], {"axis": 1, "p": 2}),
    ("MatMul", [FLAT, FLAT.T.copy()], {}),
    ("Max", [FLAT, scalar(0.2)], {}),
    ("MaxPool", [X], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ("MaxPool", [-np.abs(X)], {"kernel_shape": [2, 2], "pads": [1, 0, 0, 1]}),
    ("Min", [FLAT, scalar(0.2)], {}),
    ("Mul", [X, X], {}),
    ("Pad", [X, whole(0, 0, 1, 2, 0, 0, 3, 4), scalar(7)], {}),
    ("Pad", [X, whole(0, 1, 0, 0, 0, 0, 0, 0)], {}),
    ("Pow", [np.abs(X), scalar(2.5)], {}),
    ("ReduceL2", [X, whole(1, -1)], {"keepdims": 0}),
    ("ReduceMax", [X, whole(2, 3)], {}),
    ("ReduceMean", [X], {}),
    ("ReduceSum", [FLAT, whole(1)], {"keepdims": 0}),
    ("Relu", [X], {}),
    ("Reshape", [X, whole(0, -1)], {}),
    ("Reshape", [X, whole(-1, 14)], {"allowzero": 1}),
    ("Shape", [X], {}),
    ("Shape", [X], {"start": 1, "end": -1}),
    ("Sigmoid", [X], {}),
    ("Slice", [X, whole(1), whole(9), whole(2)], {}),
    ("Slice", [X, whole(0, -3), whole(2, -1), whole(1, 3), whole(1, 2)], {}),
    ("Slice", [FLAT, whole(1), whole(2)], {}),
    ("Slice", [FLAT, whole(-1), whole(-(2**63)), whole(1), whole(-2)], {}),
    ("Softmax", [FLAT], {"axis": 1}),
    ("Softmax", [X], {}),
    ("Sqrt", [np.abs(X)], {}),
    ("Squeeze", [X[:1], whole(0)], {}),
    ("Squeeze", [X[:1, :, :, :1]], {}),
    ("Sub", [X, scalar(1)], {}),
    ("Transpose", [X], {"perm": [0, 2, 3, 1]}),
    ("Unsqueeze", [FLAT, whole(0, -1)], {}),
]  # fmt: skip


@pytest.mark.parametrize(("operator", "arrays", "attributes"), CASES, ids=[case[0] for case in CASES])
def test_each_operator_does_what_onnx_says(
    operator: str, arrays: list[Any], attributes: dict[str, Any]
) -> None:
    """Every operator agrees with ONNX's own reference evaluator."""
    names = [f"x{number}" if array is not None else "" for number, array in enumerate(arrays)]
    node = helper.make_node(operator, names, ["y"], **attributes)
    given = {name: array for name, array in zip(names, arrays, strict=True) if array is not None}
    infos = [
        helper.make_tensor_value_info(key, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for key, array in given.items()
    ]
    result_info = helper.make_tensor_value_info("y", onnx.TensorProto.UNDEFINED, None)
    graph = helper.make_graph([node], "one", infos, [result_info])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    (output,) = ReferenceEvaluator(model).run(None, given)
    expected = np.asarray(output)
    inputs = [None if array is None else torch.from_numpy(array.copy()) for array in arrays]
    value = attributes.get("value")
    known = {"value": torch.from_numpy(numpy_helper.to_array(value).copy())} if value else attributes
    result = OPERATORS[operator](inputs, known).numpy()
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_every_operator_is_tried() -> None:
    """No operator is offered that no case holds against the specification; Constant has no inputs to try."""
    assert set(OPERATORS) - {"Constant"} == {case[0] for case in CASES}


@pytest.mark.parametrize(
    ("operator", "attributes"),
    [
        ("Conv", {"auto_pad": "SAME_UPPER"}),
        ("MaxPool", {"kernel_shape": [2, 2], "ceil_mode": 1}),
        ("ReduceMean", {"noop_with_empty_axes": 1}),
        ("Pad", {"mode": "reflect"}),
        ("Constant", {"value_float": 1.0}),
    ],
)
def test_a_form_that_is_not_known_is_never_guessed(operator: str, attributes: dict[str, Any]) -> None:
    """A variant that is not implemented is refused instead of computed otherwise."""
    inputs = [torch.from_numpy(X), torch.from_numpy(X)]
    with pytest.raises(NotImplementedError):
        OPERATORS[operator](inputs, attributes)


def test_constants_come_from_the_graph() -> None:
    """A Constant node gives the tensor it holds."""
    value = numpy_helper.to_array(numpy_helper.from_array(FLAT))
    assert (
        OPERATORS["Constant"]([], {"value": torch.from_numpy(value.copy())}).numpy().tolist() == FLAT.tolist()
    )


def test_distribution_and_views_are_those_of_the_other_engine(tmp_path: Path) -> None:
    """A graph that gives the distribution over ages gives the same one by both engines."""
    bundle = load_bundle(make_tiny_bundle(tmp_path, shares=True))
    crops = [Crop(np.asarray(draw_face(seed, 32))) for seed in range(3)]
    one, other = OnnxModel(bundle).predict(crops), TorchModel(bundle).predict(crops)
    assert other.age_shares == pytest.approx(one.age_shares, abs=1e-5)
    assert other.view_ages_years == pytest.approx(one.view_ages_years, abs=1e-2)
