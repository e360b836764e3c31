"""The nouns of the corridor: frozen values that validate themselves."""

from simsvc.values.accounts import ROLES, Credentials, Invitation, Role, User
from simsvc.values.answers import Estimate, Evidence, Quality, RecordedEstimate, Status
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
    "Invitation",
    "LabelledFace",
    "Neighbour",
    "Photo",
    "PickedFace",
    "Prediction",
    "Quality",
    "RecordedEstimate",
    "RgbImage",
    "Role",
    "Status",
    "SupportScale",
    "User",
]
