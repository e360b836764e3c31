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
    crops: Sequence[Crop], mean: Sequence[float] = IMAGENET_MEAN, std: Sequence[float] = IMAGENET_STD
) -> NDArray[np.float32]:
    """Return float32 (N, 3, S, S): channels first, scaled to 0..1, less the mean, over the deviation."""
    scale = (1.0 / (255.0 * np.asarray(std, dtype=np.float64))).astype(np.float32)
    shift = (np.asarray(mean, dtype=np.float64) / np.asarray(std, dtype=np.float64)).astype(np.float32)
    side = crops[0].rgb.shape[0]
    tensor = np.empty((len(crops), 3, side, side), dtype=np.float32)
    for planes, crop in zip(tensor, crops, strict=True):  # in place, to avoid copying the batch
        np.multiply(crop.rgb.transpose(2, 0, 1), scale[:, None, None], out=planes)
    tensor -= shift[:, None, None]
    return tensor
