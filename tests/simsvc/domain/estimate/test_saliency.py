from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from simsvc.domain.estimate.saliency import POSITIONS, SHOWN_PX, overlay, saliency
from simsvc.values import Crop, FloatVector

SIDE = 50
NOISE = Crop(np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8))


def corner_ages(crops: Sequence[Crop]) -> FloatVector:
    """Age by the upper left corner alone."""
    return np.array([crop.rgb[:10, :10].mean() / 4 for crop in crops], dtype=np.float32)


def white_corner() -> Crop:
    rgb = np.full((SIDE, SIDE, 3), 127, dtype=np.uint8)
    rgb[:10, :10] = 255
    return Crop(rgb)


def test_only_the_corner_that_matters_is_hot() -> None:
    """A model that looks at one corner has its map there, strongest at the very corner, and 0 elsewhere."""
    years = saliency(white_corner(), corner_ages)
    assert years.shape == (SIDE, SIDE)
    assert years[0, 0] == years.max() == pytest.approx((255 - 127) / 4, rel=1e-5)
    assert years[20:, :].max() == years[:, 20:].max() == 0


def test_a_model_that_looks_at_nothing_gives_an_empty_map() -> None:
    """Where covering changes nothing, nothing is hot and the overlay is the grey crop."""
    years = saliency(NOISE, lambda crops: np.full(len(crops), 40, dtype=np.float32))
    shown = overlay(NOISE, years)
    assert years.max() == 0
    assert (shown[:, :, 0] == shown[:, :, 2]).all()


def test_every_pixel_is_covered_and_the_crop_is_left_alone() -> None:
    """The patches reach every pixel, one crop each beside the whole one; the crop itself is not changed."""
    seen: list[Crop] = []

    def ages(crops: Sequence[Crop]) -> FloatVector:
        seen.extend(crops)
        return np.zeros(len(crops), dtype=np.float32)

    before = NOISE.rgb.copy()
    saliency(NOISE, ages)
    changed = np.any([(crop.rgb != before).any(axis=2) for crop in seen[1:]], axis=0)
    assert len(seen) == POSITIONS**2 + 1
    assert changed.mean() > 0.999  # a noise pixel may be the patch's grey already
    np.testing.assert_array_equal(seen[0].rgb, before)
    np.testing.assert_array_equal(NOISE.rgb, before)


@pytest.mark.parametrize("side", [9, 32, 131])
def test_any_crop_can_be_mapped(side: int) -> None:
    """The side of the crop is the model's; the map has it, the picture has its own."""
    crop = Crop(np.zeros((side, side, 3), dtype=np.uint8))
    years = saliency(crop, lambda crops: np.arange(len(crops), dtype=np.float32))
    assert years.shape == (side, side)
    assert np.isfinite(years).all()
    assert overlay(crop, years).shape == (SHOWN_PX, SHOWN_PX, 3)


def test_younger_counts_as_much_as_older() -> None:
    """The map shows how far the estimate moves, not which way."""
    up = saliency(white_corner(), corner_ages)
    down = saliency(white_corner(), lambda crops: 90 - corner_ages(crops))
    np.testing.assert_allclose(up, down, atol=1e-4)


def test_the_hot_corner_is_yellow_and_the_rest_grey() -> None:
    """Yellow (more red than blue) lies on the corner that matters only."""
    shown = overlay(white_corner(), saliency(white_corner(), corner_ages)).astype(int)
    assert shown[10, 10, 0] - shown[10, 10, 2] > 60
    assert abs(shown[-10, -10, 0] - shown[-10, -10, 2]) == 0


def test_a_change_of_less_than_half_a_year_is_not_blown_up() -> None:
    """A model that hardly moves has a pale map."""
    faint = saliency(white_corner(), lambda crops: corner_ages(crops) / 1000)
    strong = saliency(white_corner(), corner_ages)
    assert np.ptp(overlay(white_corner(), faint)[10, 10].astype(int)) < 20
    assert np.ptp(overlay(white_corner(), strong)[10, 10].astype(int)) > 60
