from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from simsvc.adapters.inference.bundle import load_bundle
from simsvc.adapters.inference.chosen_model import building_model, served_model
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.adapters.inference.openvino_model import OpenVinoModel, fastest_inference
from simsvc.errors import BundleDamaged, EngineMissing
from simsvc.settings import PACKAGE_DIR
from simsvc.values import Crop, Prediction
from tests.drawn_faces import draw_face
from tests.tiny_bundle import fingerprint, make_tiny_bundle


def crops(count: int) -> list[Crop]:
    return [Crop(np.asarray(draw_face(seed, 32))) for seed in range(count)]


@pytest.fixture
def installed() -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed; it is an extra of its own")


def test_a_missing_package_is_one_sentence(tiny_bundle_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where OpenVINO is not installed, the sentence names the extra that brings it."""
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(EngineMissing, match=r"pip install 'simsvc\[openvino\]'"):
        served_model(load_bundle(tiny_bundle_folder), "openvino", 1)


def test_onnx_runtime_needs_no_other_package(
    tiny_bundle_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The default engine is opened without looking for any other."""
    monkeypatch.setitem(sys.modules, "openvino", None)
    bundle = load_bundle(tiny_bundle_folder)
    models = [served_model(bundle, "onnxruntime", 1), building_model(bundle, "onnx", 1, 2)]
    assert [model.engine for model in models] == ["onnxruntime fp32"] * 2


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("shares", [False, True])
def test_answers_as_onnx_runtime_does(tmp_path: Path, shares: bool) -> None:
    """Of one fp32 graph both engines give the same ages, embeddings and distribution, to rounding."""
    bundle = load_bundle(make_tiny_bundle(tmp_path, shares=shares))
    one, other = OnnxModel(bundle), OpenVinoModel(bundle)
    assert (other.engine, other.version, other.dims) == ("openvino fp32", one.version, one.dims)
    assert other.has_distribution is one.has_distribution is shares
    for count in (1, 5):
        plain, found = one.predict(crops(count)), other.predict(crops(count))
        assert found.ages_years == pytest.approx(plain.ages_years, abs=0.01)
        assert found.embeddings == pytest.approx(plain.embeddings, abs=1e-4)
        assert (found.age_shares is None) is not shares
        if shares:
            assert found.age_shares == pytest.approx(plain.age_shares, abs=1e-5)


@pytest.mark.usefixtures("installed")
def test_several_callers_get_their_own_answers(tiny_bundle_folder: Path) -> None:
    """Threads that ask at the same time get what they would get alone."""
    model = OpenVinoModel(load_bundle(tiny_bundle_folder), callers=2)
    alone = [model.predict([crop]).ages_years for crop in crops(4)]
    found: dict[int, Prediction] = {}

    def ask(place: int) -> None:
        for _ in range(20):
            found[place] = model.predict([crops(4)[place]])

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[place].ages_years for place in range(4)] == alone


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("harm", ["no graph", "other outputs"])
def test_refuses_a_graph_that_cannot_be_used(tmp_path: Path, harm: str) -> None:
    """Bytes that are no graph, or a graph that gives no embedding, are a damaged bundle."""
    folder = make_tiny_bundle(tmp_path)
    graph = folder / "model.onnx"
    if harm == "no graph":
        graph.write_bytes(b"no graph")
    else:
        graph.write_bytes(graph.read_bytes().replace(b"embedding", b"embeddinq"))
    document = json.loads((folder / "model.json").read_text())
    document["files"]["model.onnx"] = fingerprint(graph)
    (folder / "model.json").write_text(json.dumps(document))
    with pytest.raises(BundleDamaged, match="Export the bundle again"):
        OpenVinoModel(load_bundle(folder))


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("sse avx512_vnni amx_int8", "f32"), ("sse avx512_bf16", "bf16"), ("amx_bf16 amx_int8", "bf16")],
)
def test_computes_bfloat16_where_the_processor_does(tmp_path: Path, flags: str, expected: str) -> None:
    """int8 alone does not count: its answers are not those that the bundle's int8 form was measured with."""
    (tmp_path / "cpuinfo").write_text(f"flags : {flags}\n")
    assert fastest_inference(tmp_path / "cpuinfo") == expected


@pytest.mark.usefixtures("installed")
def test_the_service_uses_no_int8_of_openvino() -> None:
    """The engine on record names the format that this processor computes."""
    model = served_model(load_bundle(PACKAGE_DIR / "bundle" / "model"), "openvino", 1)
    assert model.engine == f"openvino {'bf16' if fastest_inference() == 'bf16' else 'fp32'}"
