"""The nouns of the corridor: frozen values that validate themselves."""

from simsvc.values.answers import Estimate, Evidence, Quality, RecordedEstimate, Status
from simsvc.values.faces import (
    Crop,
    Face,
    FloatVector,
    LabelledFace,
    Neighbour,
    Photo,
    PickedFace,
    Prediction,
    RgbImage,
    SupportScale,
)

__all__ = [
    "Crop",
    "Estimate",
    "Evidence",
    "Face",
    "FloatVector",
    "LabelledFace",
    "Neighbour",
    "Photo",
    "PickedFace",
    "Prediction",
    "Quality",
    "RecordedEstimate",
    "RgbImage",
    "Status",
    "SupportScale",
]
