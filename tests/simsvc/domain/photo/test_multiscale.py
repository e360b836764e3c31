from __future__ import annotations

import numpy as np
import pytest

from simsvc.domain.photo.multiscale import detect_multiscale
from simsvc.values import Face, Photo, RgbImage


class Looker:
    """Sees a bright square as a face, unless it is told to be blind to pictures of some sides."""

    def __init__(self, blind_px: frozenset[int] = frozenset(), confidence: float = 0.95) -> None:
        self.looked_at: list[tuple[int, int]] = []
        self._blind_px, self._confidence = blind_px, confidence

    def __call__(self, rgb: RgbImage) -> list[Face]:
        self.looked_at.append(rgb.shape[:2])
        rows, columns = (np.flatnonzero((rgb[:, :, 0] > 127).any(axis=axis)) for axis in (1, 0))
        if max(rgb.shape) in self._blind_px or not rows.size:
            return []
        left, top = int(columns[0]), int(rows[0])
        return [Face(left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top, self._confidence)]


def with_square(left: int, top: int, side: int, width: int = 1280, height: int = 960) -> Photo:
    rgb = np.zeros((height, width, 3), dtype=np.uint8)
    rgb[top : top + side, left : left + side] = 255
    return Photo(rgb, width, height, "PNG")


def test_a_large_face_is_looked_at_small_then_close_up() -> None:
    """Two pictures are looked at, of 320 and of 200 px, and the box is exact."""
    look = Looker()
    (face,) = detect_multiscale(with_square(300, 200, 400), look, 640, 320)
    assert look.looked_at == [(240, 320), (200, 200)]
    assert (face.x_px, face.y_px) == pytest.approx((300, 200), abs=3)
    assert face.side_px == pytest.approx(400, abs=6)


def test_a_small_face_is_looked_at_small_then_whole() -> None:
    """The first look's box of a face under a quarter of the photo's height is not taken."""
    look = Looker()
    (face,) = detect_multiscale(with_square(300, 200, 200), look, 640, 320)
    assert look.looked_at == [(240, 320), (480, 640)]
    assert face.side_px == pytest.approx(200, abs=4)


def test_what_is_not_confirmed_close_up_is_searched_for_whole() -> None:
    """The first look alone is never believed."""
    look = Looker(blind_px=frozenset({200}))
    assert detect_multiscale(with_square(300, 200, 400), look, 640, 320)
    assert look.looked_at == [(240, 320), (200, 200), (480, 640)]


def test_an_unsure_face_is_searched_for_whole() -> None:
    """A face below the least confidence ends no search."""
    look = Looker(confidence=0.5)
    detect_multiscale(with_square(300, 200, 400), look, 640, 320)
    assert look.looked_at == [(240, 320), (480, 640)]


def test_a_face_at_the_border_is_looked_at_close_up() -> None:
    """The close-up ends where the photo ends, and the box is the photo's."""
    look = Looker()
    (face,) = detect_multiscale(with_square(880, 560, 400), look, 640, 320)
    assert look.looked_at == [(240, 320), (200, 200)]
    assert (face.x_px, face.y_px) == pytest.approx((880, 560), abs=3)


@pytest.mark.parametrize(("width_px", "looked_at"), [(320, (320, 320)), (500, (500, 500)), (700, (640, 640))])
def test_without_a_first_look_the_whole_is_looked_at_once(width_px: int, looked_at: tuple[int, int]) -> None:
    """Nothing is scaled up, and what is larger than the working size is scaled down to it."""
    look = Looker()
    detect_multiscale(with_square(50, 50, 200, width_px, width_px), look)
    assert look.looked_at == [looked_at]


def test_a_photo_no_larger_than_the_first_look_is_looked_at_once() -> None:
    """At 200 px, as labelled faces come, a first look changes nothing."""
    look = Looker()
    (face,) = detect_multiscale(with_square(50, 40, 100, 200, 200), look, 640, 320)
    assert look.looked_at == [(200, 200)]
    assert (face.x_px, face.y_px, face.side_px) == (50, 40, 100)


def test_a_close_up_of_few_pixels_is_not_scaled_up() -> None:
    """A face of 100 px in a photo of 400 px is looked at in its own pixels."""
    look = Looker()
    (face,) = detect_multiscale(with_square(80, 90, 100, 400, 400), look, 640, 320)
    assert look.looked_at[1] == (150, 150)
    assert (face.x_px, face.y_px, face.side_px) == (80, 90, 100)
