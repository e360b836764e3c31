from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from simsvc.adapters.inference.bundle import INT8_GRAPH, load_bundle
from simsvc.adapters.inference.onnx_model import OnnxModel, has_int8
from simsvc.values import Crop
from tests.drawn_faces import draw_face
from tests.tiny_bundle import make_tiny_bundle
from tests.trainer.mirrored_graphs import Front, float_model
from trainer.cli.making.quantize import Answers, answer_alike, compared, fold, write
from trainer.export.quantize import left_alone, name_nodes, overlap, write_int8

needs_exact_int8 = pytest.mark.skipif(
    not has_int8(), reason="this processor computes int8 less exactly (no VNNI)"
)


def rows(count: int, seed: int) -> np.ndarray:
    made = np.random.default_rng(seed).standard_normal((count, 8)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@needs_exact_int8
def test_the_int8_graph_answers_nearly_as_the_other(tmp_path: Path) -> None:
    """Its convolution is quantised, and its embeddings stay within a cosine of 0.99."""
    bundle = load_bundle(make_tiny_bundle(tmp_path / "model"))
    crops = [Crop(np.asarray(draw_face(seed, 32))) for seed in range(20)]
    write_int8(bundle.graph_path, tmp_path / "small.onnx", crops, bundle.mean, bundle.std)
    plain, small = (
        OnnxModel(bundle).predict(crops),
        OnnxModel(bundle, graph=tmp_path / "small.onnx").predict(crops),
    )
    kinds = {node.op_type for node in onnx.load(tmp_path / "small.onnx").graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds
    assert (plain.embeddings * small.embeddings).sum(axis=1).min() > 0.99
    assert not np.array_equal(plain.embeddings, small.embeddings)


def test_sparing_every_convolution_leaves_every_node_alone(tmp_path: Path) -> None:
    """With one convolution and one spared at either end nothing is left to quantise."""
    bundle = load_bundle(make_tiny_bundle(tmp_path / "model"))
    graph = tmp_path / "named.onnx"
    graph.write_bytes(bundle.graph_path.read_bytes())
    name_nodes(graph)
    nodes = onnx.load(graph).graph.node
    assert len(left_alone(graph, 1)) == len(nodes)
    assert 0 < len(left_alone(graph)) < len(nodes)


def test_overlap_is_one_for_the_same_rows_and_chance_for_others() -> None:
    """The same embeddings share all ten nearest; independent ones about ten of a hundred."""
    assert overlap(rows(100, 1), rows(100, 1), 50) == 1.0
    assert overlap(rows(100, 1), rows(100, 2), 50) < 0.3


@pytest.mark.parametrize(("shift_years", "holds"), [(0.04, True), (0.06, False)])
def test_int8_goes_into_the_bundle_only_within_the_bounds(
    tmp_path: Path, shift_years: float, holds: bool
) -> None:
    """A mean absolute error that moves by more than 0.05 years is stated, and fp32 stays."""
    bundle = load_bundle(make_tiny_bundle(tmp_path / "model"))
    labels, near = np.full(40, 30, dtype=np.float32), rows(40, 1)
    plain, small = Answers(labels + 2, near, 2.0), Answers(labels + 2 + np.float32(shift_years), near, 1.0)
    draft = tmp_path / "draft.onnx"
    draft.write_bytes(bundle.graph_path.read_bytes())
    write(bundle, draft, {"ends": 0, **compared(plain, small, labels)})
    after = load_bundle(bundle.folder)
    assert json.loads((bundle.folder / "model.json").read_text())["int8"]["holds"] is holds
    assert (INT8_GRAPH in after.files) is holds
    assert after.served_path.name == (INT8_GRAPH if holds else "model.onnx")
    assert after.sha256 == bundle.sha256


def quantised(folder: Path, front: Front, spared: int = 0) -> Path:
    """Write the int8 form of a small model that takes what the tiny bundle takes, and return where it is."""
    bundle = load_bundle(make_tiny_bundle(folder / "model"))
    onnx.save(float_model(front, bundle.dims), folder / "float.onnx")
    crops = [Crop(np.asarray(draw_face(seed, 32))) for seed in range(20)]
    write_int8(folder / "float.onnx", folder / "draft.onnx", crops, bundle.mean, bundle.std, spared)
    return folder / "draft.onnx"


@needs_exact_int8
def test_the_front_is_folded_where_no_answer_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the quantiser makes of a mirrored model is recognised, and answers bit for bit as before."""
    draft = quantised(tmp_path, Front(side_px=32, seen_px=39))
    bundle, before = load_bundle(tmp_path / "model"), tmp_path / "before.onnx"
    before.write_bytes(draft.read_bytes())
    crops = [Crop(np.asarray(draw_face(seed, 32))) for seed in range(20, 60)]
    assert fold(bundle, draft, crops, 1)
    assert capsys.readouterr().out.count("is folded: no answer changes") == 1
    assert "Gather" not in {node.op_type for node in onnx.load(draft).graph.node}
    first, second = (OnnxModel(bundle, graph=path) for path in (before, draft))
    assert answer_alike(first, second, crops)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "before.onnx",
        "draft.onnx",
        "float.onnx",
        "model",
    ]


@pytest.mark.parametrize(
    ("front", "spared"),
    [(Front(side_px=32, seen_px=39), 1), (Front(side_px=32, seen_px=39, mirrored=False), 0)],
    ids=["the first convolution is spared", "no mirror"],
)
def test_other_fronts_are_quantised_as_ever(
    tmp_path: Path, front: Front, spared: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A graph that cannot be folded stays byte for byte as the quantiser wrote it, and nothing is said."""
    draft = quantised(tmp_path, front, spared)
    before = draft.read_bytes()
    assert not fold(load_bundle(tmp_path / "model"), draft, [], 1)
    assert draft.read_bytes() == before
    assert not capsys.readouterr().out


def test_a_front_that_answers_otherwise_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If folding changed an answer by a bit, the graph would stay as it was quantised, and that is said."""
    draft = quantised(tmp_path, Front(side_px=32, seen_px=39))
    before = draft.read_bytes()
    (tmp_path / "other").mkdir()
    other = onnx.load(quantised(tmp_path / "other", Front(side_px=32, seen_px=39, seed=1)))
    monkeypatch.setattr("trainer.export.fold_stem.folded", lambda _: other)
    assert not fold(load_bundle(tmp_path / "model"), draft, [Crop(np.asarray(draw_face(1, 32)))], 1)
    assert draft.read_bytes() == before
    assert "stays as it was quantised" in capsys.readouterr().out
    assert not (tmp_path / "draft.onnx.folded").exists()
