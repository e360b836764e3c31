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


def in_a_photo(face_px: int) -> np.ndarray:
    canvas = np.full((960, 1280, 3), 150, dtype=np.uint8)
    canvas[200 : 200 + face_px, 300 : 300 + face_px] = np.asarray(draw_face(1, face_px))
    return canvas


def test_a_large_face_has_the_same_box_after_a_first_look() -> None:
    """First look and close-up give the box of the whole look within a tenth of its side."""
    photo = photo_of(in_a_photo(600))
    (whole,) = SlimDetector().detect(photo)
    (exact,) = SlimDetector(first_look_px=320).detect(photo)
    assert exact.centre_px == pytest.approx(whole.centre_px, abs=whole.side_px / 10)
    assert exact.side_px == pytest.approx(whole.side_px, rel=0.1)
    assert exact.landmarks_px[2] == pytest.approx(whole.landmarks_px[2], abs=whole.side_px / 10)


def test_a_small_face_is_searched_for_in_the_whole_photo() -> None:
    """A face that is small in the first look is found exactly as without one."""
    photo = photo_of(in_a_photo(180))
    assert SlimDetector(first_look_px=320).detect(photo) == SlimDetector().detect(photo) != ()


def test_a_photo_no_larger_than_the_first_look_is_looked_at_once() -> None:
    """At 200 px, as labelled faces come, a first look changes nothing."""
    photo = photo_of(np.asarray(draw_face(3)))
    assert SlimDetector(first_look_px=320).detect(photo) == SlimDetector().detect(photo)
