from __future__ import annotations

import numpy as np

from simsvc.domain.photo.tensor import IMAGENET_MEAN, IMAGENET_STD, to_tensor
from simsvc.values import Crop


def crop(seed: int) -> Crop:
    return Crop(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8))


def test_the_tensor_is_the_textbook_normalisation() -> None:
    """Each value is (pixel / 255 - mean) / deviation, channels first, within float32 rounding."""
    crops = [crop(0), crop(1), crop(2)]
    pixels = np.stack([c.rgb for c in crops]).astype(np.float64) / 255
    expected = ((pixels - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(to_tensor(crops), expected, atol=2e-6)


def test_the_tensor_is_contiguous_float32() -> None:
    """The runtime gets contiguous float32 (N, 3, S, S)."""
    tensor = to_tensor([crop(0)])
    assert tensor.dtype == np.float32
    assert tensor.shape == (1, 3, 8, 8)
    assert tensor.flags["C_CONTIGUOUS"]


def test_other_statistics_are_used() -> None:
    """Mean 0 and deviation 1 give plain pixels in 0..1."""
    tensor = to_tensor([crop(0)], (0, 0, 0), (1, 1, 1))
    np.testing.assert_allclose(tensor[0].transpose(1, 2, 0), crop(0).rgb / 255, atol=1e-6)
