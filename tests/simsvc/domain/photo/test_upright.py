from __future__ import annotations

import io
import math

import numpy as np
import pytest
from PIL import Image

from simsvc.adapters.inference.onnx_detector import OnnxDetector
from simsvc.domain.photo.decode import AS_STORED, IN_SRGB, decode
from simsvc.domain.photo.face_choice import pick
from simsvc.domain.photo.quality import measure
from simsvc.domain.photo.upright import Upright, looked_at, turned, upright
from simsvc.values import DecodedLevels, Face, Photo
from tests.drawn_faces import draw_face

ANGLES = (20, 45, 70, 90, 120, 135, 160, 180, 210, 225, 250, 270, 300, 315, 340)


def photo_of(image: Image.Image) -> Photo:
    return Photo(image, image.width, image.height, "PNG")


def scanned(deg: int, seed: int = 3, size_px: int = 320) -> Photo:
    """A drawn face on a grey page, turned counter-clockwise."""
    page = Image.new("RGB", (size_px + 160, size_px + 240), (150, 160, 170))
    page.paste(draw_face(seed, size_px), (80, 120))
    return photo_of(page.rotate(deg, Image.Resampling.BICUBIC, expand=True, fillcolor=(255, 255, 255)))


class Compass:
    """A detector that is the surer the nearer the photo's red corner lies to its upper left."""

    def __init__(self, best: float = 0.95) -> None:
        self.best, self.asked = best, 0

    def __call__(self, photo: Photo) -> tuple[Face, ...]:
        self.asked += 1
        red = photo.rgb[:, :, 0].astype(float) - photo.rgb[:, :, 1]
        rows, columns = np.nonzero(red > 100)
        if not rows.size:
            return ()
        y, x = rows.mean() - photo.height_px / 2, columns.mean() - photo.width_px / 2
        off = abs((math.degrees(math.atan2(y, x)) + 135 + 180) % 360 - 180)
        return (Face(10, 10, 20, 20, max(0.3, self.best - off / 300)),)


def with_red_corner(deg: int) -> Photo:
    """A grey square whose red corner is the upper left one, turned counter-clockwise."""
    page = np.full((120, 120, 3), 127, dtype=np.uint8)
    page[:30, :30] = (255, 0, 0)
    image = Image.fromarray(page).rotate(deg, expand=True, fillcolor=(127, 127, 127))
    return photo_of(image)


def test_a_sure_look_is_the_only_one() -> None:
    """A photo in which the first look is sure is looked at once and stays as it is."""
    look, photo = Compass(), with_red_corner(0)
    found = upright(photo, look)
    assert (found.photo, found.turned_deg, look.asked) == (photo, 0, 1)


def test_an_unsure_face_that_is_upright_costs_three_looks_more() -> None:
    """Where the quarter turns are clearly worse nothing else is tried."""
    look = Compass(best=0.9)
    assert upright(with_red_corner(0), look).turned_deg == 0
    assert look.asked <= 1 + 4


@pytest.mark.parametrize("deg", [90, 180, 270])
def test_quarter_turns_are_undone_exactly(deg: int) -> None:
    """The pixels are those of the upright photo."""
    found = upright(with_red_corner(deg), Compass())
    assert found.turned_deg == 360 - deg
    assert np.array_equal(found.photo.rgb, with_red_corner(0).rgb)


@pytest.mark.parametrize("deg", ANGLES)
def test_any_turn_is_undone_to_a_few_degrees(deg: int) -> None:
    """A drawn face turned by any angle is set upright within 12 degrees, near a quarter turn within 22."""
    found = upright(scanned(deg), OnnxDetector(640, 320).detect)
    left = (found.turned_deg + deg + 180) % 360 - 180
    near_a_quarter = abs((deg + 45) % 90 - 45) <= 20
    assert abs(left) <= (22 if near_a_quarter else 12)
    assert pick(found.faces)


@pytest.mark.parametrize("deg", [0, 8, -8])
def test_an_upright_face_stays_as_it_is(deg: int) -> None:
    """Heads that are hardly tilted are not straightened."""
    photo = scanned(deg)
    assert upright(photo, OnnxDetector(640, 320).detect).photo is photo


def test_a_turned_photo_is_flagged() -> None:
    """People are told that the photo was turned."""
    found = upright(scanned(180), OnnxDetector(640, 320).detect)
    assert found.flags == ("turned_upright",)
    assert Upright(scanned(0), ()).flags == ()


def test_without_a_face_nothing_is_turned() -> None:
    """An empty page stays as it is and has no face."""
    page = photo_of(Image.new("RGB", (300, 200), (127, 127, 127)))
    found = upright(page, OnnxDetector(640, 320).detect)
    assert (found.photo, found.faces, found.turned_deg) == (page, (), 0)


def test_models_of_the_first_reading_look_once() -> None:
    """Estimates of earlier models are replayed as they were made."""
    look = Compass(best=0.9)
    assert looked_at(with_red_corner(180), look, AS_STORED).turned_deg == 0
    assert look.asked == 1
    assert looked_at(with_red_corner(180), look, IN_SRGB).turned_deg == 180


@pytest.mark.parametrize("deg", [90, 180, 270])
def test_a_jpeg_that_is_decoded_in_parts_is_turned_in_parts(deg: int) -> None:
    """Levels that are yet to be decoded are turned when they are, and show the same."""
    file = io.BytesIO()
    draw_face(5, 1280).save(file, "JPEG", quality=95)
    whole, parted = decode(file.getvalue()), decode(file.getvalue(), first_px=320)
    right = turned(parted, deg)
    assert isinstance(right.pixels, DecodedLevels)
    coarse, scale = right.at_least(0.25)
    assert (coarse.width_px, scale) == (320, 0.25)
    assert np.array_equal(right.rgb, turned(whole, deg).rgb)


def test_the_size_in_pixels_of_the_upload_survives_a_turn() -> None:
    """A face is as many pixels of the upload wide as it was, whatever copy it is judged in."""
    page = draw_face(3, 1200)
    photo = Photo(page.rotate(45, expand=True), 2 * 1697, 2 * 1697, "PNG")
    detect = OnnxDetector(640, 320).detect
    found = upright(photo, detect)
    before = detect(photo_of(page))[0].side_px
    assert found.turned_deg
    assert measure(found.photo, found.faces[0]).face_px == pytest.approx(2 * before, rel=0.12)
