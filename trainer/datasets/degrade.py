"""Photos made worse on purpose, as they come from the wild: blurred, dark, bright, small, occluded, tilted.

A photo is degraded as a whole, before anything is detected in it, and in proportion to the labelled face, so
that one strength means the same in every photo.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from simsvc.values import Face, Photo, RgbImage

Change = Callable[[RgbImage, Face, float, np.random.Generator], RgbImage]


@dataclass(frozen=True, slots=True)
class Degradation:
    """One way to make a photo worse."""

    kind: str  # name in `KINDS`
    strength: float  # in the kind's own unit

    @property
    def name(self) -> str:
        """What people read, such as "blur 2 % of the face"."""
        return KINDS[self.kind][1].format(self.strength)

    def of(self, photo: Photo, face: Face, seed: int) -> RgbImage:
        """Return uint8 (H, W, 3); only "small" changes the size. The same seed gives the same pixels."""
        return KINDS[self.kind][0](photo.rgb, face, self.strength, np.random.default_rng(seed))


def encoded(rgb: RgbImage) -> bytes:
    """Return a photo's file, as an upload would be: BMP, which loses nothing and costs little to write."""
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "BMP")
    return file.getvalue()


def blurred(rgb: RgbImage, face: Face, percent: float, _random: np.random.Generator) -> RgbImage:
    """Blur by a Gaussian whose deviation is a percentage of the face's longer side."""
    return np.asarray(Image.fromarray(rgb).filter(ImageFilter.GaussianBlur(percent / 100 * face.side_px)))


def exposed(rgb: RgbImage, _face: Face, stops: float, _random: np.random.Generator) -> RgbImage:
    """Multiply the light by 2 to the power of `stops`, negative to darken; what leaves 0..255 is clipped.

    Source: IEC 61966-2-1 (sRGB), whose transfer function leads from pixel values to light and back.
    """
    values = np.arange(256) / 255
    light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4) * 2.0**stops
    back = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)
    table: NDArray[np.uint8] = np.round(back.clip(0, 1) * 255).astype(np.uint8)
    return table[rgb]


def shrunk(rgb: RgbImage, face: Face, side_px: float, _random: np.random.Generator) -> RgbImage:
    """Resize until the face's longer side has `side_px` pixels; a face that has fewer stays as it is."""
    factor = min(1.0, side_px / face.side_px)
    height, width = rgb.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BILINEAR))


def occluded(rgb: RgbImage, face: Face, percent: float, random: np.random.Generator) -> RgbImage:
    """Cover a percentage of the face's box by a rectangle of its shape, of one colour, at a random place.

    Source: Zhong et al., "Random Erasing Data Augmentation", AAAI 2020, here with the box's own aspect.
    """
    part = math.sqrt(percent / 100)
    width, height = part * face.width_px, part * face.height_px
    left = face.x_px + random.uniform() * (face.width_px - width)
    top = face.y_px + random.uniform() * (face.height_px - height)
    covered = rgb.copy()
    rows = slice(max(0, round(top)), max(0, round(top + height)))
    covered[rows, max(0, round(left)) : max(0, round(left + width))] = random.integers(0, 256, 3)
    return covered


def tilted(rgb: RgbImage, face: Face, deg: float, random: np.random.Generator) -> RgbImage:
    """Turn the photo about the face's centre, to a random side; the border is repeated outwards."""
    height, width = rgb.shape[:2]
    edge = max(height, width)
    padded = np.pad(rgb, ((edge, edge), (edge, edge), (0, 0)), mode="edge")
    x, y = face.centre_px
    angle, centre = deg * random.choice((-1, 1)), (x + edge, y + edge)
    turned = Image.fromarray(padded).rotate(angle, Image.Resampling.BILINEAR, center=centre)
    return np.asarray(turned)[edge : edge + height, edge : edge + width].copy()


KINDS: dict[str, tuple[Change, str]] = {
    "blur": (blurred, "blurred by {:g} % of the face"),
    "dark": (exposed, "{:+g} stops of light"),
    "bright": (exposed, "{:+g} stops of light"),
    "small": (shrunk, "face of {:g} pixels"),
    "occluded": (occluded, "{:g} % of the face covered"),
    "tilted": (tilted, "tilted by {:g} degrees"),
}
"""Kind to what is done, and how a strength is named."""

DEGRADATIONS = tuple(
    Degradation(kind, strength)
    for kind, strengths in {
        "blur": (1, 2, 3, 5),
        "dark": (-2, -3, -4, -5),
        "bright": (1, 2, 3),
        "small": (96, 72, 56, 40),
        "occluded": (10, 20, 35, 50),
        "tilted": (15, 30, 45),
    }.items()
    for strength in strengths
)
"""Each kind from hardly visible to what the detector begins to refuse."""
