"""Packed squares to normalised batches: framing, flip and colour vary in training, nothing in validation."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from trainer.datasets.pack import CONTEXT, CROP_PX
from trainer.training.augmentation import augment_world as world
from trainer.training.augmentation.draws import Draws


@dataclass(frozen=True, slots=True)
class Strength:
    """How far augmentation goes; from `backdrop` on, how likely: see `trainer.training.augmentation.augment_world`.

    Source of erasing: Zhong et al., "Random Erasing Data Augmentation", AAAI 2020.
    """

    scale: float  # the crop's side is multiplied by exp(u), u uniform in +- this
    shift: float  # its centre moves by up to this share of its side, each way
    rotate_deg: float  # it turns by up to this, each way
    colour: float  # brightness, contrast, saturation times exp(u), u in +- this; one face in ten grey
    erase: float  # probability that a rectangle of 2 to 20% of the area is replaced by one colour
    backdrop: float = 0.0
    gamma: float = 0.0
    grey: float = 0.0
    cast: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    small: float = 0.0
    compress: float = 0.0
    cut: float = 0.0


KEYS = tuple(f.name for f in dataclasses.fields(Strength))  # The keys of a recipe that make its strength
NONE = Strength(0.0, 0.0, 0.0, 0.0, 0.0)
_PHOTOGRAPHED = ("gamma", "grey", "cast", "blur", "noise", "small", "compress", "cut")
_AT_ONCE = 4  # Faces changed at once, so that they stay in a CPU's cache: 1.2 MB at 160 px
_GREY_SHARE = 0.1
_ERASE_AREA = (0.02, 0.2)


def batch(  # noqa: PLR0913 - what a batch is cut, sized and varied by
    squares: NDArray[np.uint8] | Tensor,
    size_px: int,
    mean: Sequence[float],
    std: Sequence[float],
    strength: Strength | None = None,
    generator: torch.Generator | None = None,
    *,
    view: float = 1.0,
) -> Tensor:
    """Return float32 (N, 3, size_px, size_px), normalised, channels last in memory.

    `squares` are packed crops with their context, uint8 (N, P, P, 3); a tensor is worked on where it lies.
    Means and deviations of channels are in 0..1. A strength adds horizontal flips; None gives the plain crop.
    `view` is the side of what is seen over the side of the crop, 1 to `CONTEXT`.
    """
    given = squares if isinstance(squares, Tensor) else torch.from_numpy(np.ascontiguousarray(squares))
    pixels = given.permute(0, 3, 1, 2).contiguous().float()  # planes resample faster
    if strength is not None:
        pixels = _behind(pixels, strength, generator)
    framed = _framed(pixels, strength, generator, view)
    if strength is not None:
        framed = _photographed(framed, strength, generator)
    sized = functional.interpolate(framed, (size_px, size_px), mode="bilinear", antialias=True)
    if strength is not None:
        sized = _erased(_coloured(sized, strength, generator), strength, generator)
    scale = 255.0 * torch.tensor(list(std), device=sized.device).view(1, 3, 1, 1)
    shift = 255.0 * torch.tensor(list(mean), device=sized.device).view(1, 3, 1, 1)
    return ((sized - shift) / scale).contiguous(memory_format=torch.channels_last)


def _framed(
    pixels: Tensor, strength: Strength | None, generator: torch.Generator | None, view: float
) -> Tensor:
    """Cut the view out: (N, 3, CROP_PX, CROP_PX) by affine resampling if it varies, else its own pixels."""
    if strength is None:
        side = round(CROP_PX * view)
        edge = (pixels.shape[-1] - side) // 2
        return pixels[:, :, edge : edge + side, edge : edge + side]
    draws = Draws(pixels, generator)
    scale = torch.exp(draws.within(strength.scale)) * (view / CONTEXT)
    angle = draws.within(math.radians(strength.rotate_deg))
    dx = draws.within(2 * strength.shift * view / CONTEXT)
    dy = draws.within(2 * strength.shift * view / CONTEXT)
    flip = 1.0 - 2.0 * (draws.unit() < 0.5).float()
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = [torch.stack([cos * flip, -sin, dx], 1), torch.stack([sin * flip, cos, dy], 1)]
    sides = [len(pixels), 3, CROP_PX, CROP_PX]
    grid = functional.affine_grid(torch.stack(rows, 1), sides, align_corners=False)
    return functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)


def _behind(pixels: Tensor, strength: Strength, generator: torch.Generator | None) -> Tensor:
    if strength.backdrop == 0:
        return pixels
    share, parts = strength.backdrop, _parts(pixels)
    return torch.cat([world.backdrop(some, share, Draws(some, generator), CONTEXT) for some in parts])


def _parts(pixels: Tensor) -> list[Tensor]:
    return [pixels[at : at + _AT_ONCE] for at in range(0, len(pixels), _AT_ONCE)]


def _photographed(pixels: Tensor, strength: Strength, generator: torch.Generator | None) -> Tensor:
    """Do to the crops what scanners, cameras, files and the photo's border do, in that order."""
    if not any(getattr(strength, key) for key in _PHOTOGRAPHED):
        return pixels
    return torch.cat([_photo_of(some, strength, Draws(some, generator)) for some in _parts(pixels)])


def _photo_of(pixels: Tensor, strength: Strength, draws: Draws) -> Tensor:
    pixels = world.gamma(pixels, strength.gamma, draws)
    pixels = world.grey(pixels, strength.grey, draws)
    pixels = world.cast(pixels, strength.cast, draws)
    pixels = world.blur(pixels, strength.blur, draws)
    pixels = world.noise(pixels, strength.noise, draws)
    pixels = world.filed(pixels, strength.small, strength.compress, draws)
    return world.cut(pixels, strength.cut, draws)


def _coloured(pixels: Tensor, strength: Strength, generator: torch.Generator | None) -> Tensor:
    if strength.colour == 0:
        return pixels
    draws = Draws(pixels, generator)
    factors = (torch.exp(draws.within(strength.colour)).view(-1, 1, 1, 1) for _ in range(3))
    gain, contrast, saturation = factors
    saturation = saturation * (draws.unit() >= _GREY_SHARE).view(-1, 1, 1, 1)
    middle = pixels.mean((1, 2, 3), keepdim=True)
    pixels = ((pixels - middle) * contrast + middle) * gain
    grey = pixels.mean(1, keepdim=True)
    return (grey + (pixels - grey) * saturation).clamp(0, 255)


def _erased(pixels: Tensor, strength: Strength, generator: torch.Generator | None) -> Tensor:
    """Replace a rectangle of some faces by one colour; all at once, with masks."""
    if strength.erase == 0:
        return pixels
    draws, size = Draws(pixels, generator), pixels.shape[-1]
    chosen, draw = draws.unit() < strength.erase, draws.unit(7)
    low, high = _ERASE_AREA
    area = (low + (high - low) * draw[:, 0]) * size * size
    ratio = torch.exp((draw[:, 1] * 2 - 1) * math.log(3.0))
    height, width = (side.sqrt().round().clamp(1, size) for side in (area * ratio, area / ratio))
    top, left = (draw[:, 2] * (size - height)).floor(), (draw[:, 3] * (size - width)).floor()
    at = torch.arange(size, device=pixels.device)
    rows = (at >= top[:, None]) & (at < (top + height)[:, None]) & chosen[:, None]
    columns = (at >= left[:, None]) & (at < (left + width)[:, None])
    hidden = (rows[:, :, None] & columns[:, None, :])[:, None]
    return torch.where(hidden, draw[:, 4:7].view(-1, 3, 1, 1) * 255, pixels)
