"""Batch norms multiplied into the convolutions before them, as `torch.onnx.export` does.

With scale s = weight / sqrt(variance + eps), a batch norm of a convolution W x + b is the convolution
(s W) x + s b and an addition of bias - s mean. The modules keep their names: the batch norm stays and only
adds. Source: `FuseBatchNormIntoConv` in onnxscript, which the exporter applies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A convolution and the batch norm behind it, with their names."""

    convolution_name: str
    convolution: nn.Conv2d
    norm_name: str
    norm: nn.BatchNorm2d


def pairs(module: nn.Module) -> Iterator[Pair]:
    """Yield each convolution whose next convolution or batch norm is a batch norm, in the order of names.

    All of `trainer.models.backbones.BODIES` define their layers in the order in which they apply them.
    """
    before: tuple[str, nn.Conv2d] | None = None
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Conv2d):
            before = name, layer
        elif isinstance(layer, nn.BatchNorm2d) and before is not None:
            yield Pair(*before, name, layer)
            before = None


@torch.no_grad()
def join(module: nn.Module) -> None:
    """Multiply the batch norms of a module in evaluation mode into its convolutions, in place."""
    for pair in pairs(module):
        mean, variance = _statistics(pair.norm)
        scale = pair.norm.weight.double() / (variance.double() + pair.norm.eps).sqrt()
        pair.convolution.weight.copy_(pair.convolution.weight * scale.view(-1, 1, 1, 1))
        if pair.convolution.bias is not None:
            pair.convolution.bias.copy_(pair.convolution.bias * scale)
        only_add(pair.norm, pair.norm.bias - scale * mean)


@torch.no_grad()
def only_add(norm: nn.BatchNorm2d, bias: Tensor) -> None:
    """Let a batch norm in evaluation mode add `bias` (C,) and change nothing else."""
    mean, variance = _statistics(norm)
    norm.weight.fill_(1)
    norm.bias.copy_(bias)
    mean.fill_(0)
    variance.fill_(1 - norm.eps)


def _statistics(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    assert norm.running_mean is not None  # noqa: S101 - BatchNorm2d tracks statistics by default
    assert norm.running_var is not None  # noqa: S101 - as above
    return norm.running_mean, norm.running_var
