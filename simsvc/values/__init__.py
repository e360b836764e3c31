"""The nouns of the corridor: frozen values that validate themselves."""

from simsvc.values.accounts import ROLES, Credentials, Invitation, Role, User
from simsvc.values.answers import Estimate, Evidence, Quality, RecordedEstimate, Status
from simsvc.values.batches import Batch, BatchPhoto, IndexSwitch, NewPhoto, PhotoStatus, Refusal
from simsvc.values.desk import DECISION_KINDS, Decision, DecisionDraft, DecisionKind, Declaration
from simsvc.values.faces import (
    Crop,
    Face,
    FloatVector,
    FoundFace,
    LabelledFace,
    Neighbour,
    PickedFace,
    Prediction,
    Recall,
    SupportScale,
)
from simsvc.values.filtering import EVERY_FACE, FaceFilter
from simsvc.values.photos import Levels, Photo, RgbImage

__all__ = [
    "DECISION_KINDS",
    "EVERY_FACE",
    "ROLES",
    "Batch",
    "BatchPhoto",
    "Credentials",
    "Crop",
    "Decision",
    "DecisionDraft",
    "DecisionKind",
    "Declaration",
    "Estimate",
    "Evidence",
    "Face",
    "FaceFilter",
    "FloatVector",
    "FoundFace",
    "IndexSwitch",
    "Invitation",
    "LabelledFace",
    "Levels",
    "Neighbour",
    "NewPhoto",
    "Photo",
    "PhotoStatus",
    "PickedFace",
    "Prediction",
    "Quality",
    "Recall",
    "RecordedEstimate",
    "Refusal",
    "RgbImage",
    "Role",
    "Status",
    "SupportScale",
    "User",
]
