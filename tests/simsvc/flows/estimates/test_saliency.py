from __future__ import annotations

import io
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image

from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.domain.estimate.saliency import SHOWN_PX, overlay, saliency
from simsvc.domain.photo.encode import from_png, to_png
from simsvc.errors import ModelChanged
from simsvc.flows.estimates.saliency import BATCH, check_same_model, saliency_png
from simsvc.values import Crop, Estimate, RecordedEstimate
from tests.drawn_faces import draw_face

CROP = Crop(np.asarray(draw_face(4, 32)))


def test_the_picture_is_that_of_one_pass_over_all_crops(tiny_model: OnnxModel) -> None:
    """Judging the crops in small batches gives the same picture as all at once."""
    whole = overlay(CROP, saliency(CROP, lambda crops: tiny_model.predict(crops).ages_years))
    drawn = np.asarray(Image.open(io.BytesIO(saliency_png(to_png(CROP.rgb), tiny_model))))
    assert drawn.shape == (SHOWN_PX, SHOWN_PX, 3)
    assert np.abs(drawn.astype(int) - whole.astype(int)).max() <= 1
    assert 82 % BATCH == 1  # the last batch is of one crop: no batch is ever empty


def test_an_estimate_of_another_model_is_not_explained(tiny_model: OnnxModel) -> None:
    """A record of the model in service passes; one of another is refused with what to do."""
    for sha256, passes in ((tiny_model.sha256, True), ("00" * 32, False), (None, False)):
        answer = Estimate("x", "y", "estimated", age_years=3.0, model_sha256=sha256)
        recorded = RecordedEstimate("0" * 32, 1, datetime(2026, 1, 2, tzinfo=UTC), answer)
        if passes:
            check_same_model(recorded, tiny_model)
        else:
            with pytest.raises(ModelChanged, match="Upload the photo again"):
                check_same_model(recorded, tiny_model)


def test_a_png_is_read_back_pixel_for_pixel() -> None:
    """What was written comes back."""
    np.testing.assert_array_equal(from_png(to_png(CROP.rgb)), CROP.rgb)
