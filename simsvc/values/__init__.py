"""The nouns of the corridor: frozen values that validate themselves."""

from simsvc.values.accounts import ROLES, Client, Credentials, Invitation, Role, User
from simsvc.values.answers import Estimate, Evidence, Quality, RecordedEstimate, Status
from simsvc.values.batches import (
    Batch,
    BatchNotes,
    BatchPhoto,
    IndexSwitch,
    LeftOut,
    NewPhoto,
    PhotoStatus,
    Refusal,
    Waiting,
)
from simsvc.values.desk import DECISION_KINDS, Decision, DecisionDraft, DecisionKind, Declaration
from simsvc.values.faces import (
    Crop,
    Face,
    FloatVector,
    LabelledFace,
    Neighbour,
    PickedFace,
    Prediction,
    Recall,
    SupportScale,
)
from simsvc.values.filtering import EVERY_FACE, FaceFilter
from simsvc.values.photos import Decoded, DecodeRequest, Levels, Photo, RgbImage

__all__ = [
    "DECISION_KINDS",
    "EVERY_FACE",
    "ROLES",
    "Batch",
    "BatchNotes",
    "BatchPhoto",
    "Client",
    "Credentials",
    "Crop",
    "Decision",
    "DecisionDraft",
    "DecisionKind",
    "Declaration",
    "DecodeRequest",
    "Decoded",
    "Estimate",
    "Evidence",
    "Face",
    "FaceFilter",
    "FloatVector",
    "IndexSwitch",
    "Invitation",
    "LabelledFace",
    "LeftOut",
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
    "Waiting",
]
