"""Copies of photos that are cut or turned, as scanners and hasty fingers make them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from simsvc.values import Face, Photo, RgbImage
from trainer.datasets.degrade import DEGRADATIONS

SIDES = ("left", "top", "right", "bottom")
KEPT = (0.9, 0.8, 0.7, 0.6, 0.5)
"""Shares of the face's box that a cut leaves: from a sliver off to half a face."""
TURNS_DEG = (20, 45, 90, 135, 180, 225, 270, 315)
"""Counter-clockwise; scanners turn by quarters, people and cropping tools by anything."""
PAPER = (255, 255, 255)  # background around a tilted photo on a scanner


@dataclass(frozen=True, slots=True, eq=False)
class Copy:
    """A copy of a photo."""

    kind: str  # such as "cut" or "blur"
    name: str  # with the strength, as people read it
    photo: RgbImage


def copies(photo: Photo, face: Face, seed: int) -> Iterator[Copy]:
    """Yield every degraded, cut and turned copy of an upright photo; the same seed gives the same pixels."""
    for how in DEGRADATIONS:
        yield Copy(how.kind, how.name, how.of(photo, face, seed))
    for side, kept in itertools.product(SIDES, KEPT):
        left = cut_at(photo.rgb, face, side, kept)
        if left is not None:
            yield Copy("cut", f"{side} side, {kept:.0%} of the face kept", left)
    for deg in TURNS_DEG:
        yield Copy("turned", f"turned by {deg} degrees", turned_by(photo.picture, deg))


def cut_at(rgb: RgbImage, face: Face, side: str, kept: float) -> RgbImage | None:
    """Cut a photo off so that one side of the face's box is lost, or return None where it is lost already."""
    height, width = rgb.shape[:2]
    left = round(face.x_px + face.width_px * (1 - kept)) if side == "left" else 0
    top = round(face.y_px + face.height_px * (1 - kept)) if side == "top" else 0
    right = round(face.x_px + face.width_px * kept) if side == "right" else width
    bottom = round(face.y_px + face.height_px * kept) if side == "bottom" else height
    inside = left >= 0 and top >= 0 and right <= width and bottom <= height
    return np.ascontiguousarray(rgb[top:bottom, left:right]) if inside else None


def turned_by(picture: Image.Image, deg: int) -> RgbImage:
    """Turn a photo counter-clockwise on white paper."""
    return np.asarray(picture.rotate(deg, Image.Resampling.BICUBIC, expand=True, fillcolor=PAPER))
