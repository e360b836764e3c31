"""Landmarks, and warping a face so that its landmarks fall on given places."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import map_coordinates

from simsvc.values import RgbImage
from trainer.models.identity import similarity

GALLERY_PX = 160  # side of a composite
EYES_PX = ((49.0, 52.0), (111.0, 52.0))
"""Where the mean shape's eyes lie in a composite: 62 px apart at a third of its height, as the aligned photos
of the data set have them, so that little is outside the photos."""
LOOKS_PX = 24
_GRID = np.stack(np.meshgrid(np.arange(GALLERY_PX), np.arange(GALLERY_PX)), axis=-1).reshape(-1, 2)
_ANCHORS = np.array([(x, y) for x in (0.0, 80.0, 159.0) for y in (0.0, 80.0, 159.0) if (x, y) != (80, 80)])


def apply(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (K, 2) points mapped by a 2 x 3 matrix."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def canonical(landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return landmarks (5, 2) turned, scaled and shifted so that the eyes lie on `EYES_PX`: the shape."""
    return apply(similarity(landmarks[:2], np.array(EYES_PX)), landmarks)


def warp(rgb: RgbImage, landmarks: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return float64 (GALLERY_PX, GALLERY_PX, 3): the face, its landmarks exactly on `target`.

    A similarity brings the face roughly there; a thin-plate spline over the landmarks and eight anchors
    on the border does the rest. Landmarks and target: (5, 2). Source: Bookstein, IEEE PAMI 1989.
    """
    back = similarity(target, landmarks)
    control = np.concatenate([target, _ANCHORS])
    places = np.concatenate([landmarks, apply(back, _ANCHORS)])
    spline = RBFInterpolator(control, places, kernel="thin_plate_spline")
    x, y = spline(_GRID.astype(np.float64)).T
    planes = np.moveaxis(rgb.astype(np.float64), -1, 0)
    moved = [map_coordinates(plane, [y, x], order=1, mode="nearest") for plane in planes]
    return np.stack(moved, axis=-1).reshape(GALLERY_PX, GALLERY_PX, 3)


def composite(faces: list[RgbImage], landmarks: list[NDArray[np.float64]]) -> tuple[RgbImage, float]:
    """Return the aligned mean of the faces, uint8 (GALLERY_PX, GALLERY_PX, 3), and their agreement.

    Each face is brought to the set's mean shape, and to its mean brightness and contrast in every channel, so
    that no single photo's light dominates. The agreement is the mean correlation of the members with the mean
    over the inner face, 0..1. Landmarks: (5, 2) each.
    """
    target = np.mean([canonical(marks) for marks in landmarks], axis=0)
    warped = np.stack([warp(face, marks, target) for face, marks in zip(faces, landmarks, strict=True)])
    middle = warped.mean(axis=(1, 2), keepdims=True)
    spread = warped.std(axis=(1, 2), keepdims=True) + 1e-6
    even = (warped - middle) / spread * spread.mean(axis=0) + middle.mean(axis=0)
    mean = even.mean(axis=0)
    rounded: RgbImage = mean.clip(0, 255).round().astype(np.uint8)
    return rounded, _agreement(even, mean)


def _agreement(members: NDArray[np.float64], mean: NDArray[np.float64]) -> float:
    inner = (slice(30, 140), slice(30, 130))
    centre = mean[inner].mean(axis=2).ravel()
    greys = [member[inner].mean(axis=2).ravel() for member in members]
    return float(np.mean([np.corrcoef(grey, centre)[0, 1] for grey in greys]))


def looks(rgb: RgbImage, landmarks: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return float32 (LOOKS_PX^2,): the grey face with its eyes in place, zero mean, unit length."""
    back = similarity(np.array(EYES_PX), landmarks[:2])
    step = GALLERY_PX / LOOKS_PX
    data = (*(back[0, :2] * step), back[0] @ (step / 2, step / 2, 1), *(back[1, :2] * step))
    image = Image.fromarray(rgb).convert("L").reduce(2)
    half = [v / 2 for v in (*data, back[1] @ (step / 2, step / 2, 1))]
    size, how = (LOOKS_PX, LOOKS_PX), Image.Transform.AFFINE
    small = image.transform(size, how, half, Image.Resampling.BILINEAR)
    values = np.asarray(small, dtype=np.float32).ravel()
    values = values - values.mean()
    unit: NDArray[np.float32] = values / max(float(np.linalg.norm(values)), 1e-6)
    return unit
