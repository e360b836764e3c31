"""The nouns of the corridor: frozen values that validate themselves."""

from simsvc.values.accounts import ROLES, Credentials, Invitation, Role, User
from simsvc.values.answers import Estimate, Evidence, Quality, RecordedEstimate, Status
from simsvc.values.batches import Batch, BatchPhoto, IndexSwitch, NewPhoto, PhotoStatus, Refusal
from simsvc.values.desk import DECISION_KINDS, Decision, DecisionDraft, DecisionKind, Declaration
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
    "DECISION_KINDS",
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
    "FloatVector",
    "IndexSwitch",
    "Invitation",
    "LabelledFace",
    "Neighbour",
    "NewPhoto",
    "Photo",
    "PhotoStatus",
    "PickedFace",
    "Prediction",
    "Quality",
    "RecordedEstimate",
    "Refusal",
    "RgbImage",
    "Role",
    "Status",
    "SupportScale",
    "User",
]
