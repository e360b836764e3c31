from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from simsvc.adapters.inference.bundle import load_bundle
from simsvc.adapters.inference.onnx_model import OnnxModel, has_int8
from simsvc.errors import BundleDamaged
from simsvc.values import Crop
from tests.drawn_faces import draw_face
from tests.tiny_bundle import MEAN, STD, make_tiny_bundle


def crops(count: int) -> list[Crop]:
    return [Crop(np.asarray(draw_face(seed, 32))) for seed in range(count)]


def test_agrees_with_the_graph_computed_by_onnx_itself(tiny_bundle_folder: Path) -> None:
    """Ages and embeddings are those of ONNX's own reference evaluator on pixels normalised by hand."""
    model = OnnxModel(load_bundle(tiny_bundle_folder))
    batch = crops(3)
    pixels = np.stack([crop.rgb for crop in batch]).astype(np.float64) / 255
    tensor = ((pixels - MEAN) / STD).transpose(0, 3, 1, 2).astype(np.float32)
    from onnx.reference import ReferenceEvaluator  # noqa: PLC0415 - slow to import, used here only

    graph = onnx.load(tiny_bundle_folder / "model.onnx")
    outputs = ReferenceEvaluator(graph).run(["age_years", "embedding"], {"crops": tensor})
    ages, embeddings = (np.asarray(output, dtype=np.float32) for output in outputs)
    prediction = model.predict(batch)
    np.testing.assert_allclose(prediction.ages_years, ages, atol=1e-3)
    np.testing.assert_allclose(prediction.embeddings, embeddings, atol=1e-5)


def test_tells_its_bundle(tiny_bundle_folder: Path) -> None:
    """Identity, size and geometry are the bundle's."""
    bundle = load_bundle(tiny_bundle_folder)
    model = OnnxModel(bundle)
    assert (model.version, model.sha256) == (bundle.version, bundle.sha256)
    assert (model.dims, model.input_px, model.crop_margin) == (16, 32, 1.1)


def test_gives_the_distribution_where_the_graph_does(tmp_path: Path, tiny_model: OnnxModel) -> None:
    """Shares and the ages of both views come with the estimate; a graph without them gives None."""
    told = OnnxModel(load_bundle(make_tiny_bundle(tmp_path, shares=True))).predict(crops(3))
    assert told.age_shares is not None
    assert told.view_ages_years is not None
    assert told.age_shares.shape == (3, 101)
    np.testing.assert_allclose(told.age_shares @ np.arange(101), told.ages_years, atol=1e-3)
    np.testing.assert_allclose(told.view_ages_years[:, 0], told.ages_years, atol=1e-3)
    assert tiny_model.predict(crops(1)).age_shares is None


def test_a_face_does_not_hang_on_its_batch(tiny_model: OnnxModel) -> None:
    """A crop alone and the same crop among others give the same embedding to the last few bits."""
    batch = crops(5)
    together = tiny_model.predict(batch).embeddings
    alone = np.concatenate([tiny_model.predict([crop]).embeddings for crop in batch])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_threads_change_no_bit(tiny_bundle_folder: Path, tiny_model: OnnxModel) -> None:
    """One thread and two threads give the same bytes, so a build does not hang on the setting."""
    two = OnnxModel(load_bundle(tiny_bundle_folder), threads=2)
    assert two.predict(crops(8)).embeddings.tobytes() == tiny_model.predict(crops(8)).embeddings.tobytes()


def test_refuses_a_graph_that_cannot_be_loaded(tmp_path: Path) -> None:
    """Bytes that are no graph, though vouched for, give a typed error."""
    folder = make_tiny_bundle(tmp_path)
    _exchange_graph(folder, b"no graph")
    with pytest.raises(BundleDamaged, match="cannot be loaded"):
        OnnxModel(load_bundle(folder))


def test_refuses_a_graph_with_other_outputs(tmp_path: Path) -> None:
    """A graph that gives no embedding is refused when it is loaded, not at the first photo."""
    folder = make_tiny_bundle(tmp_path)
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Identity", ["crops"], ["age_years"])],
        "other",
        [info("crops", onnx.TensorProto.FLOAT, ["n"])],
        [info("age_years", onnx.TensorProto.FLOAT, ["n"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    _exchange_graph(folder, model.SerializeToString())
    with pytest.raises(BundleDamaged, match="embedding"):
        OnnxModel(load_bundle(folder))


def _exchange_graph(folder: Path, data: bytes) -> None:
    (folder / "model.onnx").write_bytes(data)
    document = json.loads((folder / "model.json").read_text())
    document["files"]["model.onnx"] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    (folder / "model.json").write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("facts", "exact"), [("flags : sse2 avx512_vnni", True), ("flags : avx2 avx512f", False), (None, False)]
)
def test_int8_is_for_processors_that_compute_it_exactly(
    tmp_path: Path, facts: str | None, exact: bool
) -> None:
    """Without 8-bit multiply-add, or where the processor cannot be told, fp32 serves."""
    if facts is not None:
        (tmp_path / "cpuinfo").write_text(facts)
    assert has_int8(tmp_path / "cpuinfo") is exact
