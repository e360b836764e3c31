"""One photo in two data sets: told by the face, since each data set frames its photos in a way of its own.

UTKFace shows a face cut close, upright and 200 px wide, where another set has the whole portrait. Signatures
of whole photos (`near_duplicates`) cannot tell that both are one photo. Here a signature is the thumbnail of
the face, whose landmarks are brought to the same places, and it is compared between sources only.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from simsvc.engines.onnx_detector import OnnxDetector
from simsvc.errors import PhotoError
from simsvc.steps.boxes import pick_labelled
from simsvc.steps.decode import decode
from simsvc.values import RgbImage
from trainer.datasets.near_duplicates import SIDE_PX, DuplicatePairs, find_pairs
from trainer.gallery.align import similarity

PLACES = np.array([(49.0, 52.0), (111.0, 52.0), (78.8, 85.6), (53.8, 114.1), (105.8, 114.1)]) / 160
"""Where eyes, nose and corners of the mouth are brought, in sides of the square: the means of UTKFace's
training faces after their eyes were brought to the first two."""
MIN_SIMILARITY = 0.85
"""Smallest correlation of the gradients of one photo's faces."""
_FINE_PX = 4 * SIDE_PX
"""Side of the square before it is averaged down to a signature."""


def signatures(paths: Sequence[Path]) -> NDArray[np.uint8]:
    """Return uint8 (N, 32, 32): grey faces, black where a photo cannot be read or shows none."""
    detector = OnnxDetector()

    def of(path: Path) -> NDArray[np.uint8]:
        try:
            photo = decode(path.read_bytes())
        except (PhotoError, OSError):
            return np.zeros((SIDE_PX, SIDE_PX), np.uint8)
        face = pick_labelled(detector.detect(photo), photo.width_px, photo.height_px)
        if face is None or not face.landmarks_px:
            return np.zeros((SIDE_PX, SIDE_PX), np.uint8)
        return signature(photo.rgb, np.array(face.landmarks_px, dtype=np.float64))

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = list(tqdm(pool.map(of, paths), "faces read", len(paths), unit=" photos", delay=2))
    return np.stack(found) if found else np.zeros((0, SIDE_PX, SIDE_PX), np.uint8)


def signature(rgb: RgbImage, landmarks_px: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return uint8 (32, 32): the grey face with its landmarks in place.

    Args:
        rgb: uint8 (H, W, 3).
        landmarks_px: (5, 2) in it.
    """
    back = similarity(PLACES * _FINE_PX, landmarks_px)
    factor = max(1, int(np.hypot(back[0, 0], back[0, 1])))
    picture = Image.fromarray(rgb).convert("L").reduce(factor)
    square = picture.transform(
        (_FINE_PX, _FINE_PX), Image.Transform.AFFINE, tuple(back.ravel() / factor), Image.Resampling.BILINEAR
    )
    return np.asarray(square.resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX))


def across(thumbnails: NDArray[np.uint8], sources: Sequence[str]) -> DuplicatePairs:
    """Return the pairs of near-duplicates whose sources differ.

    Args:
        thumbnails: uint8 (N, 32, 32), as `signatures` gives them.
        sources: of the N photos.
    """
    pairs = find_pairs(thumbnails, MIN_SIMILARITY)
    names = np.array(sources)
    apart = names[pairs.first] != names[pairs.second]
    return DuplicatePairs(pairs.first[apart], pairs.second[apart], pairs.similarity[apart])
