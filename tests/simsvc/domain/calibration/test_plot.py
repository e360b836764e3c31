from __future__ import annotations

import io

import numpy as np
from PIL import Image

from simsvc.adapters.index.calibration_picture import picture
from simsvc.domain.calibration.plot import MOST_POINTS, calibration_plot


def test_estimates_stand_over_their_ages() -> None:
    """A face that is read rightly lies on the line, one that is read too old above it."""
    drawn = calibration_plot([20.0, 40.0], np.array([[20.0, 20.0], [60.0, 45.0]]), corrected=True)
    assert drawn is not None
    level = {years: (x, y) for years, x, y in drawn.ticks}
    assert drawn.raw == (level[20], (level[40][0], level[60][1]))
    assert drawn.corrected[0] == level[20]
    assert drawn.level == (level[0], level[60])


def test_faces_without_an_estimate_are_not_drawn() -> None:
    """What has no estimate is left out; nothing at all is no picture; a large gallery is thinned."""
    ages = np.linspace(1.0, 90.0, 2_000)
    both = np.stack([ages, ages], axis=1)
    both[::2] = np.nan
    drawn = calibration_plot(ages, both, corrected=False)
    assert drawn is not None
    assert (drawn.faces, len(drawn.raw), drawn.corrected) == (1_000, MOST_POINTS, ())
    assert calibration_plot([20.0], np.array([[np.nan, np.nan]]), corrected=False) is None


def test_the_picture_is_a_png() -> None:
    """It opens, at twice the drawing's size."""
    drawn = calibration_plot([20.0, 40.0], np.array([[20.0, 20.0], [60.0, 45.0]]), corrected=True)
    assert drawn is not None
    image = Image.open(io.BytesIO(picture(drawn, "clinic/b-0: 2 reference faces")))
    assert (image.format, image.size) == ("PNG", (1280, 880))
