"""Crops and their mirror images."""

from __future__ import annotations

import torch
from torch import Tensor


def with_mirror(crops: Tensor) -> Tensor:
    """Return (2 N, 3, S, S): the crops, then their mirror images, by an index that every engine knows."""
    mirrored = torch.arange(crops.shape[3] - 1, -1, -1, device=crops.device)
    return torch.cat([crops, crops.index_select(3, mirrored)])
