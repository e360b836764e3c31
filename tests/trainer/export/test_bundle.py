from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from simsvc.adapters.inference.bundle import GRAPH, load_bundle
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.domain.photo.tensor import to_tensor
from simsvc.errors import BundleDamaged
from simsvc.values import Crop
from tests.drawn_faces import draw_face
from tests.trainer.export.helpers import ABOUT, LAYER, crops, graph
from trainer.datasets.pack import CROP_PX, PACK_PX
from trainer.export import bundle as export
from trainer.export.projection import Projection, principal
from trainer.export.torch_model import TorchModel
from trainer.models import backbones
from trainer.models.age_model import AgeModel, Architecture
from trainer.training.augmentation import augment
from trainer.training.ensembles.activations import extract


def test_a_graph_enlarges_crops_as_training_does() -> None:
    """A network that sees more pixels than a packed crop has gets them from the graph, as it learnt them."""
    assert (export.served_px(48), export.served_px(176)) == (48, CROP_PX)
    plain = graph("resnet18", "regression", 176)
    model, projection = plain.model, Projection(plain.mean.numpy(), plain.matrix.numpy())
    served = export.ServedGraph(model, LAYER, projection, seen_px=176).eval()
    packed = np.stack([np.asarray(draw_face(seed, PACK_PX)) for seed in range(3)])
    spec = backbones.BODIES["resnet18"]
    with torch.no_grad():
        learnt = plain(augment.batch(packed, 176, spec.mean, spec.std))
        told = served(augment.batch(packed, CROP_PX, spec.mean, spec.std))
    for one, other in zip(learnt, told, strict=True):
        assert other.numpy() == pytest.approx(one.numpy(), abs=1e-3)


def test_bundle_is_what_the_service_loads(bundle_folder: Path) -> None:
    """The bundle passes the service's own checks."""
    bundle = load_bundle(bundle_folder)
    assert (bundle.name, bundle.dims, bundle.size_px) == ("tiny", 5, 32)
    assert bundle.version == f"tiny-{bundle.sha256[:8]}"
    assert (bundle.mean, bundle.std) == (backbones.BODIES["resnet18"].mean, backbones.BODIES["resnet18"].std)


def test_bundle_states_what_it_holds(bundle_folder: Path) -> None:
    """Layer, architecture and training stand in its model.json."""
    raw = load_bundle(bundle_folder).raw
    assert raw["layer"] == LAYER
    assert raw["arch"] == {
        "body": "resnet18",
        "head": "regression",
        "hidden": 24,
        "dropout": 0.5,
        "point": "mean",
    }
    assert raw["training"] == {"faces": 3}


def test_bundle_is_two_files(bundle_folder: Path) -> None:
    """Nothing else is left of writing it."""
    assert {path.name for path in bundle_folder.iterdir()} == {"model.onnx", "model.json"}
    assert not bundle_folder.with_name("model.part").exists()


def test_served_answer(small: export.ServedGraph, bundle_folder: Path) -> None:
    """Whatever the number of faces, ages are the model's and embeddings its components at unit length."""
    model = OnnxModel(load_bundle(bundle_folder))
    for count in (1, 2, 5):
        some = crops(32, count)
        served = model.predict(some)
        x = torch.from_numpy(to_tensor(some))
        with torch.no_grad():
            ages, activations = extract(small.model, LAYER, x)
        assert served.ages_years == pytest.approx(ages.numpy(), abs=0.01)
        assert np.linalg.norm(served.embeddings, axis=1) == pytest.approx(np.ones(count), abs=1e-5)
        by_hand = (activations.numpy() - small.mean.numpy()) @ small.matrix.numpy()  # type: ignore[operator]
        by_hand /= np.linalg.norm(by_hand, axis=1, keepdims=True)
        assert (by_hand * served.embeddings).sum(axis=1) == pytest.approx(np.ones(count), abs=1e-4)


def test_a_regression_head_has_no_shares(bundle_folder: Path) -> None:
    """Of a head that gives one number, ages and embeddings are all that is exported."""
    told = OnnxModel(load_bundle(bundle_folder)).predict(crops(32))
    assert told.age_shares is None
    assert told.view_ages_years is None


def test_no_path_of_this_machine(bundle_folder: Path) -> None:
    """No file of the bundle names a Python file or a folder of the machine that made it."""
    for path in bundle_folder.iterdir():
        content = path.read_bytes()
        for trace in (
            sys.prefix,
            str(Path.home()),
            str(Path.cwd()),
            str(bundle_folder),
            ".py",
            "site-packages",
        ):
            assert trace.encode() not in content, (path.name, trace)


@pytest.mark.proof
def test_exported_twice(small: export.ServedGraph, bundle_folder: Path, tmp_path: Path) -> None:
    """The same model gives the same graph, byte for byte, and so the same version."""
    export.write_bundle(small, 32, ABOUT, tmp_path / "again", crops(32))
    assert (tmp_path / "again" / GRAPH).read_bytes() == (bundle_folder / GRAPH).read_bytes()
    assert (tmp_path / "again" / "model.json").read_text() == (bundle_folder / "model.json").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "head", "size_px"),
    [
        ("resnet18", "distribution", 32),
        pytest.param("dlib_resnet", "distribution", 73, marks=pytest.mark.proof),
        pytest.param("efficientnet_lite0", "regression", 48, marks=pytest.mark.proof),
    ],
)
def test_parity(body: str, head: str, size_px: int, tmp_path: Path) -> None:
    """ONNX Runtime and the restored modules compute the model, other bodies, heads and odd sizes too."""
    made = graph(body, head, size_px, 4)
    age_gap, cosine = export.write_bundle(made, size_px, ABOUT, tmp_path / "model", crops(size_px))
    assert 0 <= age_gap < export.AGE_TOLERANCE_YEARS
    assert 1 - export.COSINE_TOLERANCE < cosine < 1.0001
    bundle = load_bundle(tmp_path / "model")
    served, restored = OnnxModel(bundle).predict(crops(size_px)), TorchModel(bundle).predict(crops(size_px))
    assert len(set(served.ages_years.tolist())) == 6
    assert restored.ages_years == pytest.approx(served.ages_years, abs=export.AGE_TOLERANCE_YEARS)
    assert (restored.embeddings * served.embeddings).sum(axis=1) == pytest.approx(np.ones(6), abs=1e-4)


def spoilt(path: Path) -> None:
    """Change the largest weight of an exported graph by a tenth."""
    model = onnx.load(path)
    largest = max(model.graph.initializer, key=lambda weight: len(weight.raw_data))
    largest.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(largest) * 1.1, largest.name))
    onnx.save(model, path)


def cut_short(path: Path) -> None:
    """Keep the first half of an exported graph."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [spoilt, cut_short])
def test_a_damaged_graph_does_not_replace_the_old_one(
    damage: Any,
    small: export.ServedGraph,
    bundle_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A graph that does not compute what the model does is refused, and the bundle in service stays."""

    def write(_graph: export.ServedGraph, _size_px: int, path: Path) -> None:
        path.write_bytes((bundle_folder / GRAPH).read_bytes())
        damage(path)

    old = tmp_path / "model"
    old.mkdir()
    (old / "model.json").write_text("old")
    monkeypatch.setattr(export, "write_graph", write)
    with pytest.raises(BundleDamaged):
        export.write_bundle(small, 32, ABOUT, old, crops(32))
    assert [path.name for path in old.iterdir()] == ["model.json"]
    assert (old / "model.json").read_text() == "old"


def test_parity_notices_another_model(small: export.ServedGraph, bundle_folder: Path) -> None:
    """A bundle of another model is refused with both differences."""
    last = small.model.head[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.bias.add_(0.02)
    try:
        with pytest.raises(BundleDamaged, match=r"0\.0\d+ years, .* cosine of 1\.0"):
            export.parity(small, bundle_folder, crops(32))
    finally:
        with torch.no_grad():
            last.bias.sub_(0.02)


def test_a_new_bundle_replaces_the_old_one(
    small: export.ServedGraph, bundle_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proved bundle takes the place of the old one, of which no file is left."""

    def write(_graph: export.ServedGraph, _size_px: int, path: Path) -> None:
        path.write_bytes((bundle_folder / GRAPH).read_bytes())

    monkeypatch.setattr(export, "write_graph", write)
    old = tmp_path / "model"
    old.mkdir()
    (old / "left over").write_text("old")
    age_gap, cosine = export.write_bundle(small, 32, ABOUT, old, crops(32))
    assert age_gap < 0.01
    assert cosine > 0.9999
    assert json.loads((old / "model.json").read_text())["name"] == "tiny"
    assert not (old / "left over").exists()


@pytest.mark.parametrize(("count", "features", "dims"), [(60, 10, 4), (60, 10, 10), (400, 32, 8)])
def test_principal_components(count: int, features: int, dims: int) -> None:
    """Components are the covariance's first eigenvectors, orthonormal, with their largest entry positive."""
    random = np.random.default_rng(0)
    spread = np.linspace(9, 1, features)
    turned, _ = np.linalg.qr(random.normal(size=(features, features)))
    x = (random.normal(size=(count, features)) * spread @ turned + 5).astype(np.float32)
    found = principal(x, dims)
    assert found.matrix.shape == (features, dims)
    assert found.matrix.dtype == found.mean.dtype == np.float32
    assert found.mean == pytest.approx(x.mean(axis=0), abs=1e-4)
    _, vectors = np.linalg.eigh(np.cov(x.T.astype(np.float64)))
    oracle = vectors[:, ::-1][:, :dims]
    assert np.abs((found.matrix * oracle).sum(axis=0)) == pytest.approx(np.ones(dims), abs=1e-3)
    assert found.matrix.T @ found.matrix == pytest.approx(np.eye(dims), abs=1e-5)
    assert (found.matrix[np.abs(found.matrix).argmax(axis=0), range(dims)] > 0).all()
    assert np.array_equal(found.matrix, principal(x, dims).matrix)


@pytest.mark.proof
@pytest.mark.slow
def test_two_layers_and_the_mirror(tmp_path: Path) -> None:
    """A bundle may join layers and average the mirror: both engines give mirrored crops one answer."""
    made = graph("resnet18", "distribution", 32, 4)
    layer = "body:mean+head.relu_1"
    x = torch.from_numpy(to_tensor(crops(32)))
    with torch.no_grad():
        _, activations = extract(made.model, layer, x)
    both = export.ServedGraph(made.model, layer, principal(activations.numpy(), 4), flip_average=True).eval()
    export.write_bundle(both, 32, ABOUT, tmp_path / "model", crops(32))
    bundle = load_bundle(tmp_path / "model")
    assert (bundle.raw["layer"], bundle.raw["flip_average"]) == (layer, True)
    mirrored = [Crop(np.ascontiguousarray(crop.rgb[:, ::-1])) for crop in crops(32)]
    scores, upside = (made.model(view).detach() for view in (x, x.flip(3)))
    plain = made.model.ages(scores).detach().numpy()
    views = np.stack([plain, made.model.ages(upside).numpy()], axis=1)
    shares = (made.model.shares(scores) + made.model.shares(upside)).numpy() / 2
    for engine in (OnnxModel(bundle), TorchModel(bundle)):
        answer, other = engine.predict(crops(32)), engine.predict(mirrored)
        assert answer.ages_years == pytest.approx(other.ages_years, abs=1e-3)
        assert (answer.embeddings * other.embeddings).sum(axis=1) == pytest.approx(np.ones(6), abs=1e-4)
        assert np.abs(answer.ages_years - plain).max() > 1e-3
        assert answer.view_ages_years == pytest.approx(views, abs=1e-2)
        assert answer.age_shares == pytest.approx(shares, abs=1e-4)


@pytest.mark.proof
@pytest.mark.slow
def test_median_and_offsets(tmp_path: Path) -> None:
    """Both engines tell the median of the distribution with its offsets."""
    made = graph("resnet18", "distribution", 32, 4)
    told = AgeModel(Architecture("resnet18", "distribution", hidden=24, point="median")).eval()
    told.load_state_dict(made.model.state_dict())
    x = torch.from_numpy(to_tensor(crops(32)))
    with torch.no_grad():
        plain, scores = told.ages(told(x)), told(x)
        told.offsets.copy_(torch.linspace(0, 4, 101))
        shares = (scores + torch.linspace(0, 4, 101)).softmax(dim=1).double().numpy()
    projection = principal(np.random.default_rng(0).normal(size=(9, 24)).astype(np.float32), 4)
    export.write_bundle(export.ServedGraph(told, LAYER, projection), 32, ABOUT, tmp_path / "model", crops(32))
    bundle = load_bundle(tmp_path / "model")
    edges = np.arange(102) - 0.5
    by_hand = [np.interp(0.5, np.concatenate([[0.0], row.cumsum()]), edges) for row in shares]
    assert (np.array(by_hand) > plain.numpy() + 1).all()
    for engine in (OnnxModel(bundle), TorchModel(bundle)):
        assert engine.predict(crops(32)).ages_years == pytest.approx(np.array(by_hand), abs=0.01)
