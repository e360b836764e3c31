from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from simsvc.domain.photo.tensor import to_tensor
from simsvc.values import Crop
from tests.drawn_faces import draw_face
from trainer.datasets.pack import CROP_PX, PACK_PX
from trainer.training.augmentation.augment import Strength, batch

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
PLAIN = ((0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255))
"""Mean and deviation that leave pixels 0..255."""
FULL = Strength(scale=0.2, shift=0.1, rotate_deg=15, colour=0.3, erase=0.5)
EDGE = (PACK_PX - CROP_PX) // 2
CENTRE = (CROP_PX - 1) / 2
X, ABOVE = CROP_PX // 2 - 1, CROP_PX // 2 - 41
"""A column next to the middle, and a row 40 px above it."""


def squares(count: int = 3) -> NDArray[np.uint8]:
    """Return drawn faces as packed squares."""
    return np.stack([np.asarray(draw_face(seed, PACK_PX)) for seed in range(count)])


def marked(x: int, y: int, count: int = 64) -> NDArray[np.uint8]:
    """Return black packed squares with a white 9 x 9 marker centred on pixel (x, y) of the crop."""
    field = np.zeros((count, PACK_PX, PACK_PX, 3), dtype=np.uint8)
    field[:, EDGE + y - 4 : EDGE + y + 5, EDGE + x - 4 : EDGE + x + 5] = 255
    return field


def centroids(pixels: torch.Tensor) -> NDArray[np.float64]:
    """Return float64 (N, 2): x and y of the brightness' centre of gravity."""
    grey = pixels.mean(1).double()
    at = torch.arange(grey.shape[-1], dtype=torch.float64)
    total = grey.sum((1, 2))
    return torch.stack([(grey.sum(1) @ at) / total, (grey.sum(2) @ at) / total], 1).numpy()


def varied(field: NDArray[np.uint8], strength: Strength, seed: int = 0) -> torch.Tensor:
    """Return augmented pixels 0..255 at the crop's own size."""
    return batch(field, CROP_PX, *PLAIN, strength, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size_px", [48, 96, 128])
def test_without_strength_it_is_what_the_service_sees(size_px: int) -> None:
    """The middle of the pack, resized and normalised as the service does, to about one grey level."""
    packed = squares()
    middle = packed[:, EDGE : EDGE + CROP_PX, EDGE : EDGE + CROP_PX]
    resized = [Image.fromarray(m).resize((size_px, size_px), Image.Resampling.BILINEAR) for m in middle]
    served = to_tensor([Crop(np.asarray(image)) for image in resized], MEAN, STD)
    trained = batch(packed, size_px, MEAN, STD)
    assert trained.dtype == torch.float32
    assert trained.shape == (3, 3, size_px, size_px)
    assert trained.is_contiguous(memory_format=torch.channels_last)
    levels = np.abs(trained.numpy() - served) * 255 * np.array(STD).reshape(1, 3, 1, 1)
    assert levels.max() < 1.5
    assert levels.mean() < 0.4


def test_strength_zero_is_the_crop_or_its_mirror() -> None:
    """With every strength at zero only the flip is left: each face is the crop or its mirror image."""
    packed = squares(4).repeat(8, axis=0)
    plain = batch(packed, CROP_PX, *PLAIN)
    turned = varied(packed, Strength(0, 0, 0, 0, 0))
    same = (turned - plain).abs().amax((1, 2, 3)) < 0.5
    mirrored = (turned - plain.flip(3)).abs().amax((1, 2, 3)) < 0.5
    assert (same ^ mirrored).all()
    assert 6 <= int(mirrored.sum()) <= 26


def test_a_generator_repeats_it() -> None:
    """The same seed gives the same batch, another seed another one."""
    packed = squares()
    assert torch.equal(varied(packed, FULL, 1), varied(packed, FULL, 1))
    assert not torch.equal(varied(packed, FULL, 1), varied(packed, FULL, 2))


def test_in_range() -> None:
    """At any strength pixels stay within 0..255 and finite."""
    pixels = varied(squares(2).repeat(16, axis=0), Strength(0.5, 0.4, 60, 1.5, 1.0))
    assert float(pixels.min()) >= -1e-3
    assert float(pixels.max()) <= 255 + 1e-3


def test_shift_stays_in_bounds() -> None:
    """The marker moves by up to a tenth of the crop's side each way, in both directions, and no further."""
    moved = centroids(varied(marked(X, X), Strength(0, 0.1, 0, 0, 0))) - X
    limit = 0.1 * CROP_PX
    assert np.abs(moved).max() <= limit + 1
    for axis in (0, 1):
        assert moved[:, axis].min() < -0.7 * limit
        assert moved[:, axis].max() > 0.7 * limit


def test_scale_stays_in_bounds() -> None:
    """A marker's distance from the middle changes by factors of exp(-0.2) to exp(0.2), both ends reached."""
    off = centroids(varied(marked(X, ABOVE), Strength(0.2, 0, 0, 0, 0)))[:, 1] - CENTRE
    factors = np.log(off / (ABOVE - CENTRE))
    assert np.abs(factors).max() <= 0.2 + 0.02
    assert factors.min() < -0.12
    assert factors.max() > 0.12


def test_rotation_stays_in_bounds() -> None:
    """A marker above the middle turns by up to 15 degrees each way about the middle, at the same distance."""
    from_middle = centroids(varied(marked(X, ABOVE), Strength(0, 0, 15, 0, 0))) - CENTRE
    angles = np.degrees(np.arctan2(from_middle[:, 0], -from_middle[:, 1]))
    assert np.abs(angles).max() <= 15 + 1.5
    assert angles.min() < -9
    assert angles.max() > 9
    assert np.linalg.norm(from_middle, axis=1) == pytest.approx(40.5, abs=1)


def test_colour_varies_but_framing_does_not() -> None:
    """Colour alone leaves the marker in place, changes brightness within its bound, and makes some grey."""
    field = np.full((200, PACK_PX, PACK_PX, 3), (120, 80, 40), dtype=np.uint8)
    pixels = varied(field, Strength(0, 0, 0, 0.3, 0))[:, :, 0, 0]
    gain = pixels.mean(1) / 80
    assert float(gain.min()) >= np.exp(-0.3) - 0.01
    assert float(gain.max()) <= np.exp(0.3) + 0.01
    assert float(gain.std()) > 0.1
    grey = (pixels.amax(1) - pixels.amin(1) < 0.01).float().mean()
    assert 0.03 < float(grey) < 0.2


def test_erasing() -> None:
    """About half the faces lose one rectangle of 2 to 20 percent of the area."""
    field = np.zeros((100, PACK_PX, PACK_PX, 3), dtype=np.uint8)
    covered = (varied(field, Strength(0, 0, 0, 0, 0.5)).amax(1) > 0).float().mean((1, 2))
    hit = covered[covered > 0]
    assert 30 <= len(hit) <= 70
    assert float(hit.min()) > 0.015
    assert float(hit.max()) < 0.21
