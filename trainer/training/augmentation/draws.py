"""Random numbers for a batch of faces."""

from __future__ import annotations

import math

import torch
from torch import Tensor


class Draws:
    """Random numbers of N faces, drawn on the CPU, so that every device gets the same, and moved over."""

    def __init__(self, pixels: Tensor, generator: torch.Generator | None) -> None:
        self._count, self._device, self._generator = len(pixels), pixels.device, generator

    def unit(self, *shape: int) -> Tensor:
        """Return float32 (N, *shape), uniform in 0..1."""
        return torch.rand(self._count, *shape, generator=self._generator).to(self._device)

    def within(self, width: float, *shape: int) -> Tensor:
        """Return float32 (N, *shape), uniform in +- width."""
        return (self.unit(*shape) * 2 - 1) * width

    def between(self, limits: tuple[float, float]) -> Tensor:
        """Return float32 (N,) in the limits, both positive, the logarithm uniform."""
        low, high = (math.log(limit) for limit in limits)
        return torch.exp(low + (high - low) * self.unit())

    def chosen(self, probability: float) -> Tensor:
        """Return the positions of the faces that are changed, int64 (K,)."""
        return torch.nonzero(self.unit() < probability).flatten()

    def normal(self, some: Tensor) -> Tensor:
        """Return normal numbers of mean 0 and deviation 1, float32, in the shape of `some`."""
        return torch.randn(some.shape, generator=self._generator).to(self._device)
