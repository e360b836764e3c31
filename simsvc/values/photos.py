"""A decoded photo, in several layouts and scales."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

RgbImage = NDArray[np.uint8]
"""uint8 (H, W, 3), red-green-blue, upright."""


def check_rgb(rgb: RgbImage, what: str) -> None:
    """Raise ValueError unless it is a non-empty uint8 (H, W, 3) array; `what` names it."""
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
        raise ValueError(f"{what} must be a non-empty uint8 (H, W, 3) array, not {rgb.dtype} {rgb.shape}")


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """Scale and reading for decoding a photo.

    Attributes:
        reading: `domain.photo.decode.AS_STORED` or `IN_SRGB`.
        first_px: minimum pixels of the longer side of a JPEG; None: all.
        part: of `domain.photo.jpeg_scale.PARTS`, or 1: scale of a JPEG instead of `first_px`, or None.
    """

    reading: int
    first_px: int | None = None
    part: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """An upright RGB picture, its scale (1: all), and the upload's upright size and Pillow's format name."""

    picture: Image.Image
    part: int
    original_width_px: int
    original_height_px: int
    format: str


@dataclass(frozen=True, slots=True, eq=False)
class DecodedLevels:
    """Pixels that are decoded on demand, as finely as they are asked for; the size is the whole picture's.

    JPEG allows halves of its size. `load` decodes at a scale of 0..1 or finer, and returns the actual scale.
    Raises `PhotoError`.
    """

    width_px: int
    height_px: int
    load: Callable[[float], tuple[Image.Image, float]]


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A decoded photo, upright, at most `domain.photo.jpeg_scale.MAX_SIDE_PX` on its longer side.

    Pillow and NumPy store pixels differently, and a copy takes as long as a crop, so each form is made once
    on demand.

    Attributes:
        pixels: as decoded: a Pillow RGB image, an array like `rgb`, or levels decoded once on demand.
        original_width_px: width of the upload after turning upright; likewise its height.
        format: as Pillow names it, such as "JPEG".
        corners_px: corners of the upload, clockwise, in a photo not rotated by quarter turns; None if they
            are the photo's own.
    """

    pixels: RgbImage | Image.Image | DecodedLevels
    original_width_px: int
    original_height_px: int
    format: str
    corners_px: tuple[tuple[float, float], ...] | None = None
    _rgb: list[RgbImage] = field(default_factory=list, init=False, repr=False)
    _picture: list[Image.Image] = field(default_factory=list, init=False, repr=False)
    _coarse: list[tuple[Photo, float]] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.pixels, np.ndarray):
            check_rgb(self.pixels, "a photo")
        elif isinstance(self.pixels, Image.Image) and (self.pixels.mode != "RGB" or 0 in self.pixels.size):
            raise ValueError(f"a photo is a picture in RGB, not {self.pixels.mode} {self.pixels.size}")

    @property
    def rgb(self) -> RgbImage:
        """The pixels as read-only uint8 (H, W, 3), RGB."""
        if isinstance(self.pixels, np.ndarray):
            return self.pixels
        if not self._rgb:
            self._rgb.append(np.asarray(self.picture))
        return self._rgb[0]

    @property
    def picture(self) -> Image.Image:
        """The pixels as a Pillow image."""
        if isinstance(self.pixels, Image.Image):
            return self.pixels
        if not self._picture:
            self._picture.append(
                self.pixels.load(1.0)[0]
                if isinstance(self.pixels, DecodedLevels)
                else Image.fromarray(self.pixels)
            )
        return self._picture[0]

    @property
    def height_px(self) -> int:
        """Rows of `rgb`."""
        if isinstance(self.pixels, np.ndarray):
            return int(self.pixels.shape[0])
        return self.pixels.height_px if isinstance(self.pixels, DecodedLevels) else self.pixels.height

    @property
    def width_px(self) -> int:
        """Columns of `rgb`."""
        if isinstance(self.pixels, np.ndarray):
            return int(self.pixels.shape[1])
        return self.pixels.width_px if isinstance(self.pixels, DecodedLevels) else self.pixels.width

    @property
    def outline_px(self) -> tuple[tuple[float, float], ...]:
        """The corners of the upload, clockwise, in pixels of `rgb`."""
        width, height = float(self.width_px), float(self.height_px)
        return self.corners_px or ((0.0, 0.0), (width, 0.0), (width, height), (0.0, height))

    def at_least(self, scale: float) -> tuple[Photo, float]:
        """Return the coarsest copy with at least this scale, and its own: without levels, the photo and 1."""
        if not isinstance(self.pixels, DecodedLevels) or scale > 1.0:
            return self, 1.0
        fine_enough = [copy for copy in self._coarse if copy[1] >= scale]
        if fine_enough:
            return min(fine_enough, key=lambda copy: copy[1])
        picture, shown = (self._picture[0], 1.0) if self._picture else self.pixels.load(scale)
        if shown >= 1.0:
            self._picture[:] = [picture]
            return self, 1.0
        copy = Photo(picture, self.original_width_px, self.original_height_px, self.format)
        self._coarse.append((copy, shown))
        return copy, shown
