"""Draw the occlusion map of a recorded crop."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simsvc.domain.estimate.saliency import overlay, saliency
from simsvc.domain.photo.encode import from_png, to_png
from simsvc.errors import ModelChanged
from simsvc.ports import Model
from simsvc.values import Crop, FloatVector, RecordedEstimate

BATCH = 27
"""Crops per pass: a third of them, to limit memory."""


def check_same_model(recorded: RecordedEstimate, model: Model) -> None:
    """Check that the model in service made an estimate.

    Raises:
        ModelChanged: a different model is in service.
    """
    if recorded.estimate.model_sha256 != model.sha256:
        raise ModelChanged(
            "This estimate was made with another model than the one now in service, so where it came from "
            "can no longer be shown. Upload the photo again to see it for the present model."
        )


def saliency_png(crop_png: bytes, model: Model) -> bytes:
    """Return the crop with its occlusion map as PNG.

    Raises:
        BundleDamaged: the model's output is not valid.
    """

    def ages(crops: Sequence[Crop]) -> FloatVector:
        parts = [
            model.predict(crops[start : start + BATCH]).ages_years for start in range(0, len(crops), BATCH)
        ]
        return np.concatenate(parts)

    crop = Crop(from_png(crop_png))
    return to_png(overlay(crop, saliency(crop, ages)))
