from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from simsvc.adapters.inference.onnx_detector import OnnxDetector
from simsvc.domain.estimate.flags import FLAGS
from simsvc.domain.photo.quality import LIMITS, crops_for, measure, measured, pose, quality_flags, sharpness
from simsvc.values import Face, Photo, Quality
from tests.drawn_faces import draw_face

FRONTAL = ((-30.0, 0.0), (30.0, 0.0), (0.0, 30.0), (-20.0, 60.0), (20.0, 60.0))
FACE = Face(50, 50, 100, 100, 0.99)
PLAIN = Quality(100.0, 120.0, 0.0, 0.0, 200.0, 0.0, 0.0, 0.5, 0, 0.0, 0.0, 0.3, 0.95)


def turned(points: tuple[tuple[float, float], ...], deg: float) -> tuple[tuple[float, float], ...]:
    c, s = math.cos(math.radians(deg)), math.sin(math.radians(deg))
    return tuple((c * x - s * y + 200, s * x + c * y + 200) for x, y in points)


def grey(level: int) -> Photo:
    return Photo(np.full((200, 200, 3), level, dtype=np.uint8), 200, 200, "PNG")


def drawn(blur_px: float = 0.0) -> Photo:
    image = draw_face(3).filter(ImageFilter.GaussianBlur(blur_px))
    return Photo(np.asarray(image), 200, 200, "PNG")


def test_sharpness_is_the_variance_of_the_laplacian() -> None:
    """A convolution written out pixel by pixel gives the same variance."""
    pixels = np.random.default_rng(0).uniform(0, 255, (7, 9)).astype(np.float32)
    laplacian = [
        pixels[y - 1, x] + pixels[y + 1, x] + pixels[y, x - 1] + pixels[y, x + 1] - 4 * pixels[y, x]
        for y in range(1, 6)
        for x in range(1, 8)
    ]
    assert sharpness(pixels) == pytest.approx(np.var(laplacian), rel=1e-4)


def test_the_more_blur_the_less_sharpness() -> None:
    """Blurring a face lowers its sharpness every time."""
    values = [measure(drawn(blur_px), FACE).sharpness for blur_px in (0, 1, 2, 4)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 2 * values[-1]


@pytest.mark.parametrize(
    ("level", "dark", "bright"), [(0, 1, 0), (5, 1, 0), (6, 0, 0), (249, 0, 0), (255, 0, 1)]
)
def test_exposure_of_an_even_grey(level: int, dark: float, bright: float) -> None:
    """An even grey has its level as luminance, no sharpness, and is clipped at the ends only."""
    found = measure(grey(level), FACE)
    assert found.luminance == pytest.approx(level, abs=0.01)
    assert (found.dark_share, found.bright_share, found.sharpness) == (dark, bright, 0)


def test_figures_are_plain_floats() -> None:
    """NumPy's own would be logged by the slow way of writing JSON."""
    found = measure(drawn(), Face(50, 50, 100, 100, 0.99, turned(FRONTAL, 5.0)))
    assert {type(figure) for figure in astuple(found)} == {float, int}


def test_green_counts_most_and_blue_least() -> None:
    """Luminance weighs the channels as eyes do."""
    for channel, weight in enumerate((0.299, 0.587, 0.114)):
        rgb = np.zeros((200, 200, 3), dtype=np.uint8)
        rgb[:, :, channel] = 200
        assert measure(Photo(rgb, 200, 200, "PNG"), FACE).luminance == pytest.approx(weight * 200, abs=0.01)


def test_the_size_is_in_pixels_of_the_upload() -> None:
    """A photo shrunk to a quarter before judging has faces of four times the pixels."""
    photo = Photo(np.zeros((200, 200, 3), dtype=np.uint8), 800, 800, "PNG")
    assert measure(photo, FACE).face_px == 400


@given(st.floats(-80, 80))
def test_tilting_the_head_changes_the_roll_alone(deg: float) -> None:
    """Landmarks turned clockwise by some degrees have that roll, and the same yaw and pitch."""
    yaw, roll_deg, pitch = pose(turned(FRONTAL, deg))
    assert roll_deg == pytest.approx(deg, abs=0.06)
    assert (yaw, pitch) == pytest.approx((0.0, 0.5), abs=1e-3)


@given(st.floats(-40, 40), st.floats(5, 55))
def test_the_nose_tells_yaw_and_pitch(aside: float, down: float) -> None:
    """Moving the nose sideways is yaw over the eyes' distance, downwards pitch over the mouth's depth."""
    points = (*FRONTAL[:2], (aside, down), *FRONTAL[3:])
    assert pose(points) == pytest.approx((aside / 60, 0.0, down / 60), abs=1e-3)


@pytest.mark.parametrize("points", [(), FRONTAL[:4], ((1.0, 1.0),) * 5])
def test_without_usable_landmarks_nothing_is_claimed(points: tuple[tuple[float, float], ...]) -> None:
    """No landmarks, too few, or all in one place: no pose."""
    assert pose(points) == (None, None, None)


@pytest.mark.parametrize("name", list(LIMITS))
def test_every_threshold_raises_its_flag_on_its_wrong_side_only(name: str) -> None:
    """At the threshold there is no flag; beyond it there is exactly its own, which has words."""
    limit = LIMITS[name]
    value = abs(getattr(PLAIN, limit.attribute))
    wrong = value + 1 if limit.at_least else value - 0.1
    assert quality_flags(PLAIN, {name: value}) == ()
    assert quality_flags(PLAIN, {name: wrong}) == (limit.flag,)
    assert limit.flag in FLAGS


def test_turning_to_either_side_counts() -> None:
    """Yaw and roll are limited by size, whatever their sign."""
    left = Quality(100.0, 120.0, 0.0, 0.0, 200.0, -0.5, -20.0, 0.5)
    assert quality_flags(left, {"yaw_at_most": 0.4}) == ("turned_aside",)
    assert quality_flags(left, {"roll_deg_at_most": 15.0}) == ("tilted",)


def test_a_profile_is_not_called_tilted() -> None:
    """In profile the line through the eyes tells nothing: the head is turned aside, and that is all."""
    profile = Quality(100.0, 120.0, 0.0, 0.0, 200.0, -1.2, -40.0, 0.5)
    assert quality_flags(profile, {"roll_deg_at_most": 15.0, "yaw_at_most": 0.5}) == ("turned_aside",)


def test_a_flag_is_raised_once() -> None:
    """Two thresholds of one flag give it once."""
    bright = Quality(100.0, 240.0, 0.0, 0.9, 200.0)
    assert quality_flags(bright, {"luminance_at_most": 200, "bright_share_at_most": 0.5}) == ("too_bright",)


def test_an_unknown_pose_raises_no_flag() -> None:
    """Where the detector gives no landmarks, no pose threshold is broken."""
    thresholds = {"yaw_at_most": 0.0, "roll_deg_at_most": 0.0, "border_gap_at_least": 1.0}
    assert quality_flags(Quality(1, 1, 0, 0, 1), thresholds) == ()


def test_the_detectors_landmarks_are_measured(detector: OnnxDetector) -> None:
    """A face drawn from the front has small yaw and roll and its nose between eyes and mouth."""
    photo = Photo(np.asarray(draw_face(3).resize((400, 400), Image.Resampling.BILINEAR)), 400, 400, "PNG")
    found = measure(photo, detector.detect(photo)[0])
    assert found.yaw is not None
    assert found.roll_deg is not None
    assert found.pitch is not None
    assert abs(found.yaw) < 0.3
    assert abs(found.roll_deg) < 10
    assert 0.2 < found.pitch < 0.9


@pytest.mark.parametrize("margin", [1.375, 1.2])
def test_quality_of_a_model_that_sees_more(margin: float) -> None:
    """What surrounds the face does not count: a wide crop's face is measured as a near crop's."""
    photo, face = drawn(), Face(60, 60, 80, 80, 0.99)
    judged, near = crops_for(photo, face, 200, 160, margin)
    assert (judged.rgb.shape, near.rgb.shape) == ((200, 200, 3), (160, 160, 3))
    wide, plain = measured(near, photo, face), measure(photo, face)
    assert wide.sharpness == pytest.approx(plain.sharpness, rel=0.2)
    assert wide.luminance == pytest.approx(plain.luminance, abs=1)
    assert measure(photo, face, margin) == plain


def test_quality_of_a_model_that_sees_the_face_alone() -> None:
    """A crop that is no wider serves model and quality as it is."""
    judged, near = crops_for(drawn(), FACE, 160, 160, 1.1)
    assert judged is near
