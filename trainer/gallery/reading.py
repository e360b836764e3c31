"""What the shipped model says of a composite: one that it reads far from its label would only mislead."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simsvc.adapters.inference.bundle import load_bundle
from simsvc.adapters.inference.onnx_detector import detector_of
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.domain.photo.crop import crop_of
from simsvc.domain.photo.decode import decode
from simsvc.domain.photo.face_choice import pick
from simsvc.domain.photo.upright import looked_at
from simsvc.errors import FaceError, SettingsError
from trainer.evaluation.measures.ranges import calibration_of, doubt_of, doubts, ranges


@dataclass(frozen=True, slots=True)
class Reading:
    """The model's estimate and the ends of its range."""

    age_years: float
    low_years: float
    high_years: float

    def holds(self, label_years: float) -> bool:
        """Return whether the label is in the range."""
        return self.low_years <= label_years <= self.high_years


class Reader:
    """The model and detector of a bundle, which read a file as the service does."""

    def __init__(self, folder: Path) -> None:
        """Load the bundle; SettingsError is raised where it has no calibration, hence no ranges."""
        bundle = load_bundle(folder)
        calibration = calibration_of(bundle)
        if calibration is None:
            raise SettingsError(
                f"The model in {folder} has no calibrated ranges to check composites by. "
                "Calibrate it first with `python -m trainer calibrate`."
            )
        self.sha256, self.version = bundle.sha256, bundle.version
        self._calibration, self._doubt = calibration, doubt_of(bundle)
        self._model, self._detector = OnnxModel(bundle), detector_of(bundle)

    def read(self, content: bytes) -> Reading | None:
        """Return what the model says, or None where the service would refuse the file."""
        model = self._model
        photo = decode(content, first_px=model.first_decode_px, reading=model.reading)
        right = looked_at(photo, self._detector.detect, model.reading)
        try:
            face = pick(right.faces).face
        except FaceError:
            return None
        crop = crop_of(right.photo, face, model.input_px, model.crop_margin)
        prediction = model.predict([crop])
        ages = prediction.ages_years.astype(np.float64)
        ends = ranges(ages, doubts(prediction, self._doubt), self._calibration)
        return Reading(float(ages[0]), *ends[0].tolist())
