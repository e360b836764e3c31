from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.photo.border import border_gap, box_outside, crop_outside, outside_share, rectangle
from simsvc.domain.photo.upright import turned
from simsvc.values import Face, Photo

SIDE = 100
INSIDE = Face(30, 30, 40, 40, 0.95, ((40, 40), (60, 40), (50, 50), (42, 60), (58, 60)))


def photo(width: int = SIDE, height: int = SIDE) -> Photo:
    return Photo(np.zeros((height, width, 3), dtype=np.uint8), width, height, "PNG")


def moved(face: Face, dx: float, dy: float) -> Face:
    marks = tuple((x + dx, y + dy) for x, y in face.landmarks_px)
    return Face(face.x_px + dx, face.y_px + dy, face.width_px, face.height_px, face.confidence, marks)


def test_a_face_in_the_middle_lies_inside_whole() -> None:
    """Nothing of box and crop lies outside, and the nearest mouth corner is 40 px from the border."""
    assert (crop_outside(photo(), INSIDE, 1.1), box_outside(photo(), INSIDE)) == (0.0, 0.0)
    assert border_gap(photo(), INSIDE) == pytest.approx(40 / 40)


@pytest.mark.parametrize(("dx", "dy"), [(-50, 0), (50, 0), (0, -50), (0, 50)])
def test_a_box_half_outside_any_side_is_half_outside(dx: float, dy: float) -> None:
    """The share is the same at the left, right, upper and lower border."""
    assert box_outside(photo(), moved(INSIDE, dx, dy)) == pytest.approx(0.5)


def test_the_crop_is_wider_than_the_box() -> None:
    """A box that touches the border has a crop of twice its side whose quarter lies outside."""
    assert crop_outside(photo(), moved(INSIDE, -30, 0), 2.0) == pytest.approx(0.25)


def test_a_landmark_outside_counts_negative() -> None:
    """With the eye 10 px beyond the left border of a 40 px face the gap is -0.25."""
    assert border_gap(photo(), moved(INSIDE, -50, 0)) == pytest.approx(-0.25)


def test_without_landmarks_the_gap_is_unknown() -> None:
    """A detector that gives none leaves the gap open."""
    assert border_gap(photo(), Face(30, 30, 40, 40, 0.95)) is None


@given(st.floats(-150, 150), st.floats(-150, 150), st.floats(1, 120), st.floats(1, 120))
def test_shares_are_those_of_overlapping_rectangles(x: float, y: float, width: float, height: float) -> None:
    """For upright rectangles, clipping agrees with the overlap of their sides."""
    across = max(0.0, min(x + width, SIDE) - max(x, 0.0))
    down = max(0.0, min(y + height, SIDE) - max(y, 0.0))
    share = outside_share(rectangle(x, y, width, height), rectangle(0, 0, SIDE, SIDE))
    assert share == pytest.approx(1 - across * down / (width * height), abs=1e-6)


@pytest.mark.parametrize("deg", [30, 45, 100, 200, 330])
def test_what_was_filled_up_around_a_turned_photo_is_outside(deg: int) -> None:
    """Of the whole turned picture, the photo's own area is inside and the rest is not."""
    right = turned(photo(100, 60), deg)
    whole = Face(0, 0, right.width_px, right.height_px, 0.95)
    own = 100 * 60 / (right.width_px * right.height_px)
    assert box_outside(right, whole) == pytest.approx(1 - own, abs=0.02)


def test_the_gap_is_measured_to_the_turned_border() -> None:
    """The middle of a turned 100 px square is 50 px from every border."""
    right = turned(photo(), 45)
    middle = right.width_px / 2, right.height_px / 2
    face = Face(middle[0] - 20, middle[1] - 20, 40, 40, 0.95, (middle,) * 5)
    assert border_gap(right, face) == pytest.approx(50 / 40, abs=0.05)
    assert math.isclose(right.original_width_px, right.width_px)
