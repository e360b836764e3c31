"""Draw the occlusion map of a recorded crop."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simsvc.domain.chunks import chunks_of
from simsvc.domain.estimate.saliency import overlay, saliency
from simsvc.domain.photo.encode import from_png, to_png
from simsvc.errors import ModelChanged
from simsvc.ports import Model
from simsvc.values import Crop, FloatVector, RecordedEstimate

BATCH = 27
"""Crops per pass: a third of them, to limit memory."""


def check_same_model(recorded: RecordedEstimate, model: Model) -> None:
    """Raise ModelChanged if another model than that of an estimate is in service."""
    if recorded.estimate.model_sha256 != model.sha256:
        raise ModelChanged()


def saliency_png(crop_png: bytes, model: Model) -> bytes:
    """Return the crop with its occlusion map as PNG; raises BundleDamaged if the output is not valid."""

    def ages(crops: Sequence[Crop]) -> FloatVector:
        return np.concatenate([model.predict(some).ages_years for some in chunks_of(crops, BATCH)])

    crop = Crop(from_png(crop_png))
    return to_png(overlay(crop, saliency(crop, ages)))
