from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from simsvc.adapters.inference.bundle import Bundle, load_bundle, load_document
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.errors import BundleDamaged
from simsvc.settings import PACKAGE_DIR, load_settings
from simsvc.values import Crop
from tests.databases import sqlite_database
from tests.drawn_faces import draw_face
from tests.simsvc.cli.helpers import command_app
from tests.small_site import draw_gallery
from trainer.export.half_precision import with_float_weights
from trainer.export.restore import served_graph
from trainer.export.torch_model import TorchModel
from trainer.training.ensembles.activations import passed

SHIPPED = PACKAGE_DIR / "bundle" / "model"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(SHIPPED)


@pytest.fixture(scope="module")
def model(bundle: Bundle) -> TorchModel:
    return TorchModel(bundle)


@pytest.fixture(scope="module")
def crops(bundle: Bundle) -> list[Crop]:
    return [Crop(np.asarray(draw_face(seed, bundle.size_px))) for seed in range(4)]


def test_the_two_engines_agree(bundle: Bundle, model: TorchModel, crops: list[Crop]) -> None:
    """ONNX Runtime and PyTorch answer alike: age, each view's age, distribution and embedding."""
    one, other = OnnxModel(bundle, precision="fp32").predict(crops), model.predict(crops)
    assert other.ages_years == pytest.approx(one.ages_years, abs=0.01)
    assert other.view_ages_years == pytest.approx(one.view_ages_years, abs=0.01)
    assert other.age_shares == pytest.approx(one.age_shares, abs=1e-5)
    assert (one.embeddings * other.embeddings).sum(axis=1).min() >= 0.9999
    assert one.embeddings.std(axis=0).max() > 0.01, "faces differ, so agreement means something"


def test_no_hook_is_left_behind(bundle: Bundle) -> None:
    """After a pass, and after a pass that failed, no module bears a hook."""
    graph = served_graph(bundle.graph_path)
    tensor = torch.zeros(1, 3, bundle.size_px, bundle.size_px)
    passed(graph.model, graph.layer, tensor)
    with pytest.raises(RuntimeError):
        passed(graph.model, graph.layer, tensor[..., :-1])
    assert [name for name, module in graph.named_modules() if module._forward_hooks] == []


def test_tells_its_bundle(bundle: Bundle, model: TorchModel) -> None:
    """Both engines bear the same identity, so an index built by one serves the other."""
    names = ("version", "sha256", "dims", "input_px", "crop_margin", "has_distribution", "point")
    other = OnnxModel(bundle)
    assert [getattr(model, name) for name in names] == [getattr(other, name) for name in names]


def test_the_weights_load_into_the_modules(bundle: Bundle) -> None:
    """The state dict has every weight, by the names of the modules."""
    weights, graph = served_graph(bundle.graph_path).state_dict(), served_graph(bundle.graph_path)
    for weight in graph.parameters():
        torch.nn.init.zeros_(weight)
    graph.load_state_dict(weights)
    initializers = with_float_weights(onnx.load(bundle.graph_path)).graph.initializer
    stored = {one.name: onnx.numpy_helper.to_array(one) for one in initializers}
    name = "model.members.1.head.linear_2.weight"
    assert graph.state_dict()[name].numpy().tolist() == stored[name].tolist()


def test_a_model_that_cannot_be_restored_is_a_sentence(bundle: Bundle, tmp_path: Path) -> None:
    """A layer that the graph does not hold is named, and the engine to use instead."""
    shutil.copy(bundle.graph_path, tmp_path)
    document = load_document(SHIPPED).raw
    arch = {"body": "resnet18", "head": "distribution", "point": "mean"}
    (tmp_path / "model.json").write_text(json.dumps(document | {"arch": arch}))
    with pytest.raises(BundleDamaged, match=r"model\.body\.conv1\.weight.*--engine onnx"):
        served_graph(tmp_path / "model.onnx")


def test_an_index_is_built_by_it(tmp_path: Path) -> None:
    """With --engine torch the manifest says so, and the service's own engine can search the build."""
    own = {
        "gallery_dir": draw_gallery(tmp_path / "gallery", 5),
        "index_root": tmp_path / "indexes",
        "database_url": sqlite_database(tmp_path / "simsvc.sqlite3"),
        "secret_key_file": tmp_path / "secret-key",
    }
    app = command_app(load_settings({}).model_copy(update=own))
    built = app.test_cli_runner().invoke(args=["index", "build", "--engine", "torch"])
    assert "5 faces in service." in built.output
    (path,) = tmp_path.glob("indexes/*/*/manifest.json")
    manifest = json.loads(path.read_text())
    assert manifest["model"]["engine"] == "torch"
    assert "torch" in manifest["libraries"]
    assert "fit the model" in app.test_cli_runner().invoke(args=["index", "verify"]).output
