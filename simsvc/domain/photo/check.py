"""What can be said of a photo before an age is estimated: its faces, their places and their quality."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from simsvc.domain.photo.crop import CROP_MARGIN
from simsvc.domain.photo.face_choice import MIN_CONFIDENCE
from simsvc.domain.photo.upright import Upright
from simsvc.messages import N_, Message
from simsvc.values import Face, Photo, Quality

Rectangle = tuple[float, float, float, float]
"""Left, top, width and height, in shares of the width and the height of the upload, upright."""

Aspect = Literal["light", "sharpness", "angle", "frame"]
ASPECTS: tuple[Aspect, ...] = get_args(Aspect)
ASPECT_FLAGS: Mapping[Aspect, tuple[str, ...]] = {
    "light": ("too_dark", "too_bright"),
    "sharpness": ("blurred", "unclear_face"),
    "angle": ("turned_aside", "tilted"),
    "frame": ("cut_off",),
}
"""Quality flags by what a photographer would change."""

CUT_MARGIN, LEAST_CUT_MARGIN = 2.2, 1.35
"""Side of the cut that shows one of several faces, divided by the face's: hair and shoulders are in it;
less where another face is near, but always more than the model's crop and the border it needs."""
NEAR_SHARE, CLOSE_SHARE = 0.28, 0.85
"""Least and largest side of a face in front of the camera, in shares of the shorter side of the picture; the
oval of the camera guide takes 0.6."""

MOVE_CLOSER = N_("Move closer.")
MOVE_BACK = N_("Move back a little and keep the whole face in the oval.")
NO_FACE = N_("No face found. Look into the camera.")
ONE_PERSON = N_("More than one face. Only the applicant should be in the picture.")
READY = N_("Good. Take the photo.")
HINTS: Mapping[str, str] = {
    "too_dark": N_("Too dark. Turn towards the light."),
    "too_bright": N_("Too bright. Turn away from the light."),
    "turned_aside": N_("Look straight into the camera."),
    "tilted": N_("Hold the head upright."),
    "blurred": N_("Hold still."),
    "unclear_face": N_("Keep the face clear and in the oval."),
    "cut_off": MOVE_BACK,
}
"""What to change before the camera, most important first."""


@dataclass(frozen=True, slots=True)
class PlacedFace:
    """A face in the upload, as a square, and the cut of the photo that shows it alone."""

    square: Rectangle
    cut: Rectangle


@dataclass(frozen=True, slots=True)
class PhotoCheck:
    """What an estimate would meet; nothing is recorded.

    Attributes:
        faces: largest first.
        used: which of them would be used, from 0; None if the photo would be refused.
        refusal: why the photo would be refused, or None.
        flags: those of the estimate that depend on the photo alone.
        severe: those of them that make an estimate unreliable.
        crop_png: the face crop, or None.
    """

    faces: tuple[PlacedFace, ...] = ()
    used: int | None = None
    refusal: Message | None = None
    quality: Quality | None = None
    flags: tuple[str, ...] = ()
    severe: frozenset[str] = frozenset()
    crop_png: bytes | None = None


def confident_faces(faces: Sequence[Face]) -> list[Face]:
    """Return the detections that count as faces, largest first."""
    return sorted(
        (face for face in faces if face.confidence >= MIN_CONFIDENCE), key=lambda face: -face.area_px
    )


def placed(faces: Sequence[Face], right: Upright, photo: Photo, margin: float) -> tuple[PlacedFace, ...]:
    """Return the places of faces of an upright photo in the photo as uploaded; `margin` is the model's."""
    size = float(photo.original_width_px), float(photo.original_height_px)
    squares = [_square_px(face, right, photo) for face in faces]
    least = max(LEAST_CUT_MARGIN, margin * LEAST_CUT_MARGIN / CROP_MARGIN)
    return tuple(
        PlacedFace(
            _shares(square, size),
            _shares(_cut_px(square, [*squares[:place], *squares[place + 1 :]], least), size),
        )
        for place, square in enumerate(squares)
    )


def camera_hint(check: PhotoCheck, width_px: int, height_px: int) -> Message:
    """Return what to change before the camera, given the size of the picture."""
    if not check.faces:
        return Message(NO_FACE)
    if len(check.faces) > 1:
        return Message(ONE_PERSON)
    share = check.faces[0].square[2] * width_px / min(width_px, height_px)
    if share < NEAR_SHARE:
        return Message(MOVE_CLOSER)
    if share > CLOSE_SHARE:
        return Message(MOVE_BACK)
    return Message(next((words for flag, words in HINTS.items() if flag in check.flags), READY))


_Square = tuple[float, float, float]
"""Centre x and y, and side, in pixels of the upload."""


def _square_px(face: Face, right: Upright, photo: Photo) -> _Square:
    """Return the square of a face, turned back to how the photo was uploaded."""
    turned, (x, y) = right.photo, face.centre_px
    scale = turned.original_width_px / turned.width_px
    across, down = x * scale - turned.original_width_px / 2, y * scale - turned.original_height_px / 2
    cos, sin = math.cos(math.radians(right.turned_deg)), math.sin(math.radians(right.turned_deg))
    return (
        photo.original_width_px / 2 + cos * across - sin * down,
        photo.original_height_px / 2 + sin * across + cos * down,
        face.side_px * scale,
    )


def _cut_px(square: _Square, others: Sequence[_Square], least_margin: float) -> _Square:
    """Return the square around a face that touches none of the others, as far as its least size allows."""
    x, y, side = square
    free = [max(abs(x - other[0]), abs(y - other[1])) - other[2] / 2 for other in others]
    half = min((CUT_MARGIN * side / 2, *free))
    return x, y, 2 * max(half, least_margin * side / 2)


def _shares(square: _Square, size_px: tuple[float, float]) -> Rectangle:
    """Return the part of a square inside the photo."""
    (x, y, side), (width, height) = square, size_px
    left, top = max(0.0, x - side / 2), max(0.0, y - side / 2)
    right, bottom = min(width, x + side / 2), min(height, y + side / 2)
    edges = left / width, top / height, (right - left) / width, (bottom - top) / height
    return edges[0], edges[1], max(0.0, edges[2]), max(0.0, edges[3])
