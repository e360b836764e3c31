"""Whether two faces come from the same photo, also re-encoded, resized, recoloured or mirrored.

Embeddings cannot decide this: those of a photo saved again as JPEG differ by 0.05 to 0.35 on UTKFace, where
half of all faces have another person's face within 0.31. Pixels can: two faces are compared as small grey
pictures by the cosine of their gradients, at small shifts and scales, because the detector frames a copy
slightly differently.

The threshold was chosen with the shipped model and detector: 385 photos of UTKFace, us_congress and the
portraits were saved again in 14 ways (JPEG of quality 30, 50 and 95, WebP, half, three quarters and double
size, mirrored, brighter, grey, cropped by 4 percent, and some of these together). It recognises 89 to 100
percent of each kind, and 61 percent of copies rotated by 3 degrees. No two photos of one person are mistaken
for copies: the highest value is 0.83 among 2,608 such pairs in FG-NET, and 0.81 among 102,000 pairs of two
people. In UTKFace, pairs are rarest between 0.86 and 0.90, and by eye all above are copies. Composites of the
demo gallery that share people reach 0.90.
"""

from __future__ import annotations

import io
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from simsvc.values import FloatVector, RgbImage

SIDE_PX = 40
"""Side of a miniature: a quarter of a thumbnail's, which a JPEG decoder yields almost for free."""
LEAST_SIMILARITY = 0.91
"""Minimum cosine of the gradients for the same photo; see the module."""
FARTHEST = 0.4
"""Maximum angular distance of the same photo, because composites of the demo gallery can have similar pixels.
98 percent of the copies above are within it."""
FARTHEST_COPIES = 0.35
"""Stricter limit between two faces of a gallery, where a mistake affects every estimate: 2 percent of
UTKFace's copies are further apart, and so are most composites that only look similar."""
EQUAL_DISTANCE = 0.05
"""Embeddings this close (angular) are of the same photo, as are all 672 such neighbours in UTKFace."""

_BLOCKS = 8
"""Side of the coarse comparison."""
_LEAST_COARSE = 0.7
"""Minimum cosine of coarse gradients to try shifts. 1 percent of the copies above and nine tenths of other
people's nearest faces are below it."""
_CELLS = 20
"""Side of the fine comparison: the middle of a miniature, so that it can be shifted."""
_EDGE_PX = 4.0
_SHIFTS_PX = (-1.5, -0.75, 0.0, 0.75, 1.5)
_SCALES = (0.94, 1.0, 1.06)
_FLAT = 1e-3
"""Gradient length of an empty picture, which matches no other."""

Miniature = NDArray[np.uint8]
"""A face's crop in grey: (SIDE_PX, SIDE_PX)."""


def miniature(rgb: RgbImage) -> Miniature:
    """Shrink a crop."""
    return _shrunk(Image.fromarray(rgb))


def miniature_of_jpeg(data: bytes) -> Miniature:
    """Shrink a thumbnail; damaged bytes give a picture that matches no other."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.draft("L", (SIDE_PX, SIDE_PX))
            return _shrunk(picture)
    except OSError:
        return np.zeros((SIDE_PX, SIDE_PX), dtype=np.uint8)


class Look:
    """A face prepared for many comparisons."""

    def __init__(self, picture: Miniature) -> None:
        self._picture = picture

    def same_photo(self, other: Miniature) -> bool:
        """Return whether the two look like the same photo, upright or mirrored."""
        blocks = _gradients(np.stack([_blocks(other), _blocks(other[:, ::-1])]))
        if (self._coarse @ blocks.T).max() < _LEAST_COARSE:
            return False
        return self.similarity(other) >= LEAST_SIMILARITY

    def similarity(self, other: Miniature) -> float:
        """Return the best cosine of the gradients, upright or mirrored: -1..1."""
        rows = _windows()[_SCALES.index(1.0)].reshape(len(_SHIFTS_PX), _CELLS, SIDE_PX)
        middle = rows[_SHIFTS_PX.index(0.0)]
        both = np.stack([middle @ side.astype(np.float32) @ middle.T for side in (other, other[:, ::-1])])
        return float((self._fine @ _gradients(both).T).max())

    @cached_property
    def _coarse(self) -> FloatVector:
        return _gradients(_blocks(self._picture)[None])

    @cached_property
    def _fine(self) -> FloatVector:
        rows = _windows()  # (scales, shifts x cells, side)
        wide = rows @ self._picture.astype(np.float32) @ rows.transpose(0, 2, 1)
        parts = wide.reshape(len(_SCALES), len(_SHIFTS_PX), _CELLS, len(_SHIFTS_PX), _CELLS)
        return _gradients(parts.transpose(0, 1, 3, 2, 4).reshape(-1, _CELLS, _CELLS))


def _blocks(picture: Miniature) -> FloatVector:
    """Return means of squares: (_BLOCKS, _BLOCKS)."""
    side = SIDE_PX // _BLOCKS
    means: FloatVector = picture.reshape(_BLOCKS, side, _BLOCKS, side).mean(axis=(1, 3), dtype=np.float32)
    return means


def _shrunk(picture: Image.Image) -> Miniature:
    grey = picture.convert("L").resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX)
    return np.asarray(grey, dtype=np.uint8)


@cache
def _windows() -> FloatVector:
    """Return the matrices that resample one axis of a miniature: (scales, shifts x cells, side)."""
    half = SIDE_PX / 2 - _EDGE_PX
    return np.stack(
        [
            np.concatenate([_sampled(SIDE_PX / 2 + shift, half * scale) for shift in _SHIFTS_PX])
            for scale in _SCALES
        ]
    )


def _sampled(middle_px: float, half_px: float) -> FloatVector:
    """Return the weights of `_CELLS` samples between middle - half and middle + half: (cells, side)."""
    step = 2 * half_px / _CELLS
    at = middle_px - half_px + (np.arange(_CELLS) + 0.5) * step
    gaps = np.abs(np.arange(SIDE_PX) + 0.5 - at[:, None])
    weights = (1.0 - gaps / max(1.0, step)).clip(0.0)
    found: FloatVector = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return found


def _gradients(windows: FloatVector) -> FloatVector:
    """Return differences to the right and below, of unit length: (N, 2 side (side - 1)); 0 where flat."""
    count, side, _ = windows.shape
    both = np.empty((count, 2, side, side - 1), dtype=np.float32)
    for place, way in enumerate((windows, windows.transpose(0, 2, 1))):
        np.subtract(way[:, :, 1:], way[:, :, :-1], out=both[:, place])
    flat: FloatVector = both.reshape(count, -1)
    length = np.sqrt(np.einsum("ij,ij->i", flat, flat))
    flat *= np.where(length > _FLAT, 1.0 / np.maximum(length, _FLAT), 0.0)[:, None]
    return flat
