"""Crops to the model's input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simsvc.values import Crop

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Channel mean and deviation of ImageNet in 0..1. Source: torchvision's models documentation."""


def to_tensor(
    crops: Sequence[Crop],
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
) -> NDArray[np.float32]:
    """Return float32 (N, 3, S, S): channels first, scaled to 0..1, less the mean, over the deviation."""
    pixels = np.stack([crop.rgb for crop in crops])
    scale = (1.0 / (255.0 * np.asarray(std, dtype=np.float64))).astype(np.float32)
    shift = (np.asarray(mean, dtype=np.float64) / np.asarray(std, dtype=np.float64)).astype(np.float32)
    return np.ascontiguousarray((pixels * scale - shift).transpose(0, 3, 1, 2))
