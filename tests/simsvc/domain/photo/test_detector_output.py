from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.photo.detector_output import CHANNELS, MOST_OVERLAP, cells, distinct, faces_of, padded

HEIGHT, WIDTH = 64, 96
BLANK = -20.0
"""A score whose sigmoid is next to nothing."""


def blank_maps() -> np.ndarray:
    maps = np.zeros((CHANNELS, cells(HEIGHT, WIDTH)), dtype=np.float32)
    maps[[0, 5]] = BLANK
    return maps


def logit(share: float) -> float:
    return float(np.log(share / (1 - share)))


def test_pads_with_black_to_whole_cells() -> None:
    """The picture stays at the upper left; one that fits is handed on as it is."""
    rgb = np.full((33, 64, 3), 9, dtype=np.uint8)
    picture = padded(rgb)
    assert picture.shape == (64, 64, 3)
    assert (picture[:33] == 9).all()
    assert not picture[33:].any()
    assert padded(picture) is picture
    assert padded(picture[:, ::-1]).flags.c_contiguous


def test_blank_maps_tell_of_no_face() -> None:
    """Nothing reaches the least score."""
    assert faces_of(blank_maps(), HEIGHT, WIDTH) == []


@pytest.mark.parametrize(
    ("cell", "stride", "place"),
    [(0, 8, (0, 0)), (13, 8, (8, 8)), (96, 16, (0, 0)), (96 + 7, 16, (16, 16)), (125, 32, (64, 32))],
)
def test_a_cell_tells_of_a_face_in_its_strides(cell: int, stride: int, place: tuple[int, int]) -> None:
    """Centre and size are in strides from the cell's corner, the score is the root of both scores."""
    maps = blank_maps()
    maps[0, cell], maps[5, cell] = logit(0.9), logit(0.41)
    maps[1:5, cell] = (2.0, 3.0, np.log(2.05), np.log(3.05))
    maps[6:16, cell] = np.arange(10)
    (face,) = faces_of(maps, HEIGHT, WIDTH)
    x, y = place
    left, top = x + 2 * stride - 2.05 * stride / 2, y + 3 * stride - 3.05 * stride / 2
    assert (face.x_px, face.y_px) == (int(left), int(top))
    assert (face.width_px, face.height_px) == (int(2.05 * stride), int(3.05 * stride))
    assert face.confidence == pytest.approx(0.60)  # 0.607, cut
    assert face.landmarks_px[1] == (x + 2 * stride, y + 3 * stride)


def test_the_better_of_two_on_one_face_stays() -> None:
    """Neighbouring cells that tell of one box give one face, of the higher score."""
    maps = blank_maps()
    for cell, score in ((14, 0.7), (15, 0.9), (16, 0.8)):
        maps[[0, 5], cell] = logit(score)
        maps[1:5, cell] = (15.0 - cell, 0, np.log(5), np.log(5))
    (face,) = faces_of(maps, HEIGHT, WIDTH)
    assert face.confidence == pytest.approx(0.9)


def test_hostile_numbers_are_no_crash() -> None:
    """Values beyond any float's exponential give faces or none, never an exception or a warning."""
    maps = np.full((CHANNELS, cells(HEIGHT, WIDTH)), 3e4, dtype=np.float32)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert len(faces_of(maps, HEIGHT, WIDTH)) >= 1
        assert faces_of(-maps, HEIGHT, WIDTH) == []


BOXES = st.lists(st.tuples(*[st.integers(0, 60)] * 2, *[st.integers(1, 40)] * 2), min_size=0, max_size=12)


def _overlap(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """Return the shared pixels over all pixels of two boxes, by counting pixels."""
    ours, theirs = np.zeros((2, 110, 110), dtype=bool)
    for grid, (left, top, width, height) in ((ours, one), (theirs, other)):
        grid[top : top + height, left : left + width] = True
    return float((ours & theirs).sum() / (ours | theirs).sum())


@given(BOXES)
def test_boxes_are_kept_as_by_counting_pixels(boxes: list[tuple[int, ...]]) -> None:
    """Taken best first, a box stays where it overlaps no box that stayed by more than the bound."""
    kept: list[int] = []
    for at, box in enumerate(boxes):
        if all(_overlap(boxes[other], box) <= MOST_OVERLAP for other in kept):
            kept.append(at)
    left, top, width, height = np.array(boxes, dtype=np.float32).reshape(-1, 4).T
    assert distinct(np.stack([left, top, left + width, top + height])) == kept
