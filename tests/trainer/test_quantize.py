from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from simsvc.engines.bundle import INT8_GRAPH, load_bundle
from simsvc.engines.onnx_model import OnnxModel
from simsvc.values import Crop
from tests.drawn_faces import draw_face
from tests.tiny_bundle import make_tiny_bundle
from trainer.quantize import left_alone, name_nodes, overlap, write_int8
from trainer.quantize_command import Answers, compared, write


def rows(count: int, seed: int) -> np.ndarray:
    made = np.random.default_rng(seed).standard_normal((count, 8)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def test_the_int8_graph_answers_nearly_as_the_other(tmp_path: Path) -> None:
    """Its convolution is quantised, and its embeddings stay within a cosine of 0.99."""
    bundle = load_bundle(make_tiny_bundle(tmp_path / "model"))
    crops = [Crop(np.asarray(draw_face(seed, 32))) for seed in range(20)]
    write_int8(bundle.graph_path, tmp_path / "small.onnx", crops, bundle.mean, bundle.std, 0)
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
    assert 0 < len(left_alone(graph, 0)) < len(nodes)


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
    write(bundle, draft, {"spared": 0, **compared(plain, small, labels)})
    after = load_bundle(bundle.folder)
    assert json.loads((bundle.folder / "model.json").read_text())["int8"]["holds"] is holds
    assert (INT8_GRAPH in after.files) is holds
    assert after.served_path.name == (INT8_GRAPH if holds else "model.onnx")
    assert after.sha256 == bundle.sha256
