from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.photo.check import (
    LEAST_CUT_MARGIN,
    MOVE_BACK,
    MOVE_CLOSER,
    NO_FACE,
    ONE_PERSON,
    READY,
    PhotoCheck,
    PlacedFace,
    camera_hint,
    placed,
)
from simsvc.domain.photo.crop import CROP_MARGIN
from simsvc.domain.photo.upright import Upright, turned
from simsvc.values import Face, Photo


def photo_of(width_px: int, height_px: int) -> Photo:
    return Photo(np.zeros((height_px, width_px, 3), np.uint8), width_px, height_px, "JPEG")


def face_at(x: float, y: float, side: float) -> Face:
    return Face(x - side / 2, y - side / 2, side, side, 0.95)


@pytest.mark.parametrize(("deg", "x", "y"), [(0, 90, 20), (90, 20, 110), (180, 110, 80), (270, 80, 90)])
def test_a_face_is_found_where_it_was_before_turning(deg: int, x: float, y: float) -> None:
    """A point at (90, 20) of a photo of 200 by 100, as the turned photo has it, leads back to it."""
    photo = photo_of(200, 100)
    (found,) = placed([face_at(x, y, 20)], Upright(turned(photo, deg), (), deg), photo, CROP_MARGIN)
    left, top, width, height = found.square
    assert (left * 200, top * 100, width * 200, height * 100) == pytest.approx((80, 10, 20, 20))


@given(st.floats(60, 340), st.floats(60, 340), st.floats(20, 60))
def test_the_cut_of_a_face_leaves_the_other_one_out(x: float, y: float, side: float) -> None:
    """Unless the faces are so near that the crop itself needs the place."""
    photo, other = photo_of(400, 400), face_at(200, 200, 50)
    found = placed([face_at(x, y, side), other], Upright(photo, ()), photo, CROP_MARGIN)[0]
    left, top, width, height = (400 * share for share in found.cut)
    apart = left + width <= 175.01 or left >= 224.99 or top + height <= 175.01 or top >= 224.99
    gap = max(abs(x - 200), abs(y - 200)) - 25
    assert apart or gap < LEAST_CUT_MARGIN * side / 2


@pytest.mark.parametrize(
    ("sides", "flags", "hint"),
    [
        ([], (), NO_FACE),
        ([0.5, 0.4], (), ONE_PERSON),
        ([0.1], (), MOVE_CLOSER),
        ([0.7], (), MOVE_BACK),
        ([0.4], ("cut_off",), MOVE_BACK),
        ([0.4], ("blurred", "too_dark"), "Too dark. Turn towards the light."),
        ([0.4], ("other_faces_behind",), READY),
    ],
)
def test_the_camera_hint_names_one_thing(sides: list[float], flags: tuple[str, ...], hint: str) -> None:
    """The most important thing to change, or that the photo can be taken."""
    faces = tuple(PlacedFace((0.1, 0.1, side, side * 4 / 3), (0, 0, 1, 1)) for side in sides)
    assert str(camera_hint(PhotoCheck(faces, flags=flags), 640, 480)) == hint
