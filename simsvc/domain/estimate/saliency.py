"""Occlusion maps: how much an estimate changes when a part of the crop is covered."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from simsvc.values import Crop, FloatVector, RgbImage

POSITIONS = 9
"""Positions along each side: patches overlap by half, and 81 crops take well under a second."""
PATCH_SHARE = 0.2
"""Patch size as a share of the crop: about an eye or a mouth corner."""
GREY = 127
LEAST_YEARS = 0.5
"""Minimum change for full colour, so that tiny changes are not exaggerated."""
STRONGEST = 0.75
"""Opacity of the strongest spot, so that the face stays recognisable."""
COLOURS = (
    (0, 34, 78), (26, 56, 111), (67, 78, 108), (97, 101, 111), (125, 124, 120),
    (155, 148, 118), (188, 174, 108), (222, 201, 88), (254, 232, 56),
)  # fmt: skip
"""Blue to yellow, safe for colour-blind readers. Source: "cividis" of matplotlib, nine even steps;
Nunez, Anderton and Renslow, PLOS ONE 13(7), 2018."""
SHOWN_PX = 393
"""Size of the picture: three times a 131 px crop."""

Ages = Callable[[Sequence[Crop]], FloatVector]
"""Ages in years, float32 (N,), of N crops."""


def saliency(crop: Crop, ages: Ages) -> NDArray[np.float32]:
    """Return how many years the estimate changes when the area around a pixel is covered: float32 (S, S).

    A grey patch covers `POSITIONS` x `POSITIONS` places; each pixel gets the mean over its patches.
    Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2.
    """
    side = crop.rgb.shape[0]
    boxes = _patches(side)
    found = ages([crop, *(_covered(crop, box) for box in boxes)])
    total = np.zeros((side, side), dtype=np.float32)
    times = np.zeros((side, side), dtype=np.float32)
    for box, age_years in zip(boxes, found[1:], strict=True):
        total[box] += abs(float(age_years) - float(found[0]))
        times[box] += 1.0
    return total / times


def overlay(crop: Crop, years: NDArray[np.float32]) -> RgbImage:
    """Overlay a map from `saliency` on the grey crop: uint8 (`SHOWN_PX`, `SHOWN_PX`, 3).

    The strongest spot is yellow; parts without effect stay grey.
    """
    heat = _smooth(years / max(float(years.max()), LEAST_YEARS))[:, :, None]
    face = Image.fromarray(crop.rgb).convert("L").resize((SHOWN_PX, SHOWN_PX), Image.Resampling.BICUBIC)
    steps = np.linspace(0.0, 1.0, len(COLOURS))
    colours = np.stack(
        [np.interp(heat[:, :, 0], steps, column) for column in zip(*COLOURS, strict=True)], axis=2
    )
    opacity = STRONGEST * heat
    grey = np.asarray(face, dtype=np.float64)[:, :, None]
    return np.clip(np.rint(grey * (1.0 - opacity) + colours * opacity), 0, 255).astype(np.uint8)


def _patches(side: int) -> list[tuple[slice, slice]]:
    size = math.ceil(side * PATCH_SHARE)
    starts = np.rint(np.linspace(0, side - size, POSITIONS)).astype(int).tolist()
    return [(slice(y, y + size), slice(x, x + size)) for y in starts for x in starts]


def _covered(crop: Crop, box: tuple[slice, slice]) -> Crop:
    rgb = crop.rgb.copy()
    rgb[box] = GREY
    return Crop(rgb)


def _smooth(heat: NDArray[np.float32]) -> NDArray[np.float64]:
    """Enlarge a map of 0..1 to `SHOWN_PX` and blur the patch edges."""
    levels = Image.fromarray(np.rint(heat * 255.0).astype(np.uint8))
    large = levels.resize((SHOWN_PX, SHOWN_PX), Image.Resampling.BICUBIC)
    blurred = large.filter(ImageFilter.GaussianBlur(SHOWN_PX * PATCH_SHARE / 6.0))
    return np.asarray(blurred, dtype=np.float64) / 255.0
