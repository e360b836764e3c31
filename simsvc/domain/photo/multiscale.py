"""Multi-scale detection: a small copy first, then a close-up of a large face or the whole photo."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from simsvc.domain.photo.face_choice import MIN_CONFIDENCE
from simsvc.values import Face, Photo, RgbImage

Look = Callable[[RgbImage], Sequence[Face]]
"""Detects faces of one picture, in its pixels and any order."""

WORKING_SIDE_PX = 640
"""Photos are scaled down to this longer side first: the network was trained on faces of 10 to some 500 px in
640 px photos. Source: libfacedetection's README."""
FIRST_LOOK_PX = 320
"""Longer side of the first look: a quarter of the pixels and of the time. By `python -m trainer detector
--sizes` it finds every face of a quarter of the photo's height, but 63% of those of a tenth: too few to stop.
Of those, 640 px find 99%, with a first look and without."""
FIRST_LOOK_FACE_PX = 60.0
"""A face at least so wide in the first look's copy, a quarter of its height at 4:3, ends the search: another
of `boxes.RIVAL_AREA` of its area has 38 px there, 16% of the height, of which 97% are found (same command:
15%)."""
CLOSE_UP, CLOSE_UP_PX = 1.5, 200
"""Side of the close-up over the face's, and in pixels: framed as the photos of UTKFace are, on which the
model was trained with this detector's boxes. Source: UTKFace's aligned and cropped faces, 200 x 200 px."""
FINE, COARSE = 2.0, 1.0
"""Pillow's `reducing_gap`: pixels are averaged in whole blocks, which is fast, until the copy is at most so
many times too large, and then filtered. The whole look is FINE, as it was when training photos were packed;
first look and close-up are COARSE, which moves no box further from the whole look's."""


def detect_multiscale(
    photo: Photo, look: Look, working_side_px: int = WORKING_SIDE_PX, first_look_px: int | None = None
) -> tuple[Face, ...]:
    """Return all faces, largest first, in pixels of `photo.rgb`.

    With a first look at a smaller longer side, a large face is detected again in a close-up for its exact
    box, and small faces in the background may be missed. If the close-up does not confirm the face, the whole
    photo is searched.
    """
    seen, longer_px = _Seen(photo, look), max(photo.width_px, photo.height_px)
    if first_look_px is None or first_look_px >= min(working_side_px, longer_px):
        return seen.at(working_side_px, FINE)
    faces = seen.at(first_look_px, COARSE)
    main = next((face for face in faces if face.confidence >= MIN_CONFIDENCE), None)
    if main is not None and main.side_px >= FIRST_LOOK_FACE_PX * longer_px / first_look_px:
        exact = seen.close_up(main)
        if exact is not None:
            return _largest_first(exact if face is main else face for face in faces)
    return seen.at(working_side_px, FINE)


class _Seen:
    def __init__(self, photo: Photo, look: Look) -> None:
        self._photo, self._look = photo, look

    def at(self, side_px: int, gap: float) -> tuple[Face, ...]:
        """Return the faces in a copy of at most this longer side, in the photo's pixels."""
        scale = min(1.0, side_px / max(self._photo.height_px, self._photo.width_px))
        shown, shown_scale = self._photo.at_least(scale)
        whole = scale >= shown_scale
        found = self._look(shown.rgb if whole else _resized(shown.picture, scale / shown_scale, gap))
        return _largest_first(face.scaled(1.0 / (shown_scale if whole else scale)) for face in found)

    def close_up(self, face: Face) -> Face | None:
        """Return the same face detected in the square around it, or None if it is not confirmed."""
        shown, scale = self._photo.at_least(min(1.0, CLOSE_UP_PX / (face.side_px * CLOSE_UP)))
        exact = _close_up(shown.picture, face.scaled(scale), self._look)
        return exact.scaled(1.0 / scale) if exact else None


def _close_up(picture: Image.Image, face: Face, look: Look) -> Face | None:
    side = round(face.side_px * CLOSE_UP)
    left, top = (max(0, round(centre - side / 2)) for centre in face.centre_px)
    box = (left, top, min(left + side, picture.width), min(top + side, picture.height))
    scale = min(1.0, CLOSE_UP_PX / max(box[2] - left, box[3] - top))
    around = picture.crop(box)
    near = look(_resized(around, scale, COARSE) if scale < 1.0 else np.asarray(around))
    sure = _largest_first(found for found in near if found.confidence >= MIN_CONFIDENCE)
    return _moved(sure[0].scaled(1.0 / scale), left, top) if sure else None


def _largest_first(faces: Iterable[Face]) -> tuple[Face, ...]:
    return tuple(sorted(faces, key=lambda face: -face.area_px))


def _moved(face: Face, left_px: int, top_px: int) -> Face:
    marks = tuple((x + left_px, y + top_px) for x, y in face.landmarks_px)
    return replace(face, x_px=face.x_px + left_px, y_px=face.y_px + top_px, landmarks_px=marks)


def _resized(image: Image.Image, scale: float, gap: float) -> RgbImage:
    size = (max(1, math.floor(image.width * scale)), max(1, math.floor(image.height * scale)))
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR, reducing_gap=gap))
