from __future__ import annotations

import numpy as np
import pytest

from simsvc.domain.photo.decode import decode
from simsvc.domain.photo.quality import luminance, sharpness
from simsvc.values import Face, Photo
from tests.drawn_faces import draw_face
from trainer.datasets.degrade import DEGRADATIONS, KINDS, Degradation, encoded

FACE = Face(50, 40, 100, 120, 0.99)
PHOTO = Photo(np.asarray(draw_face(3)), 200, 200, "PNG")


@pytest.mark.parametrize("how", DEGRADATIONS, ids=lambda how: how.name)
def test_every_degradation_changes_the_photo_and_repeats(how: Degradation) -> None:
    """The same seed gives the same pixels, the photo given stays as it was, and some pixels differ."""
    before = PHOTO.rgb.copy()
    made = how.of(PHOTO, FACE, 7)
    assert made.dtype == np.uint8
    assert np.array_equal(made, how.of(PHOTO, FACE, 7))
    assert np.array_equal(PHOTO.rgb, before)
    assert made.shape != before.shape or not np.array_equal(made, before)
    assert np.array_equal(decode(encoded(made)).rgb, made)


def test_every_kind_is_used() -> None:
    """Each kind has strengths, and no two degradations share a name."""
    assert {how.kind for how in DEGRADATIONS} == set(KINDS)
    assert len({how.name for how in DEGRADATIONS}) == len(DEGRADATIONS)


def test_blur_follows_the_face_not_the_photo() -> None:
    """The same percentage of a larger face takes more sharpness away."""
    values = [
        sharpness(luminance(Degradation("blur", 2).of(PHOTO, Face(50, 50, side, side, 0.9), 0)))
        for side in (50, 100, 200)
    ]
    assert values == sorted(values, reverse=True)


def test_a_stop_is_half_the_light() -> None:
    """Light, by sRGB's own curve, is halved by each stop down and doubled, up to white, by each stop up."""
    grey = Photo(np.full((64, 64, 3), 188, dtype=np.uint8), 64, 64, "PNG")  # half of all light: 0.5 -> 187.5
    assert Degradation("bright", 1).of(grey, FACE, 0)[0, 0].tolist() == [255] * 3
    assert Degradation("dark", -1).of(grey, FACE, 0)[0, 0].tolist() == [137] * 3  # 0.2518 -> 137.4
    assert Degradation("dark", -12).of(grey, FACE, 0).max() <= 1


def test_small_gives_the_face_its_pixels() -> None:
    """The longer side of the face has the wanted pixels; a face that has fewer is never enlarged."""
    assert Degradation("small", 60).of(PHOTO, FACE, 0).shape == (100, 100, 3)
    assert Degradation("small", 300).of(PHOTO, FACE, 0).shape == (200, 200, 3)


@pytest.mark.parametrize("percent", [10, 50])
def test_a_rectangle_of_one_colour_covers_its_share_of_the_face(percent: float) -> None:
    """Changed pixels lie in the box, are of one colour, and make up the percentage of its area."""
    photo = Photo(np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8), 200, 200, "PNG")
    for seed in range(5):
        made = Degradation("occluded", percent).of(photo, FACE, seed)
        rows, columns = np.nonzero((made != photo.rgb).any(axis=2))
        assert 50 <= columns.min() <= columns.max() < 150
        assert 40 <= rows.min() <= rows.max() < 160
        assert len(np.unique(made[rows, columns], axis=0)) == 1
        assert len(rows) / (100 * 120) == pytest.approx(percent / 100, abs=0.02)


def test_tilting_keeps_the_centre_of_the_face_and_turns_what_lies_beside_it() -> None:
    """A mark beside the centre moves by the angle, to one side or the other."""
    rgb = np.zeros((200, 200, 3), dtype=np.uint8)
    rgb[98:103, 128:133] = 255  # 30 pixels to the right of the face's centre (100, 100)
    photo = Photo(rgb, 200, 200, "PNG")
    found = set()
    for seed in range(8):
        rows, columns = np.nonzero(Degradation("tilted", 45).of(photo, FACE, seed)[:, :, 0] > 128)
        assert columns.mean() == pytest.approx(100 + 30 / 2**0.5, abs=1.5)
        found.add(int(np.sign(rows.mean() - 100)))
    assert found == {-1, 1}
