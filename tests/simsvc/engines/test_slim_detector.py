from __future__ import annotations

import numpy as np
import pytest

from simsvc.engines.slim_detector import SlimDetector
from simsvc.values import Photo
from tests.drawn_faces import draw_face


def photo_of(rgb: np.ndarray) -> Photo:
    return Photo(rgb, rgb.shape[1], rgb.shape[0], "PNG")


@pytest.mark.parametrize("seed", range(12))
def test_finds_the_one_drawn_face_with_its_landmarks(seed: int) -> None:
    """A drawn face is found once, with confidence, where it was drawn, eyes above mouth."""
    (face,) = SlimDetector().detect(photo_of(np.asarray(draw_face(seed))))
    assert face.confidence > 0.86
    assert face.centre_px == pytest.approx((100, 105), abs=8)
    right_eye, left_eye, nose, right_mouth, left_mouth = face.landmarks_px
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_eye[1] < nose[1] < right_mouth[1]
    assert right_mouth[0] < left_mouth[0]


def test_boxes_are_in_pixels_of_the_photo_not_of_the_scaled_copy() -> None:
    """A 1,200 px photo is searched at 640 px, and the box comes back in 1,200 px."""
    (face,) = SlimDetector().detect(photo_of(np.asarray(draw_face(1, 1200))))
    assert face.centre_px == pytest.approx((600, 630), abs=40)


def test_finds_nothing_where_nothing_is() -> None:
    """A plain grey photo holds no face."""
    assert SlimDetector().detect(photo_of(np.full((200, 200, 3), 127, dtype=np.uint8))) == ()


def test_orders_faces_by_area() -> None:
    """The largest face comes first."""
    canvas = np.full((400, 640, 3), 150, dtype=np.uint8)
    canvas[100:260, 20:180] = np.asarray(draw_face(1, 160))
    canvas[40:360, 240:560] = np.asarray(draw_face(2, 320))
    faces = SlimDetector().detect(photo_of(canvas))
    assert len(faces) == 2
    assert faces[0].area_px > faces[1].area_px
