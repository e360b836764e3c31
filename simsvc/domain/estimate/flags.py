"""The sentence of each flag."""

from __future__ import annotations

from collections.abc import Mapping

from simsvc.domain.photo.face_choice import OTHER_FACES
from simsvc.domain.photo.upright import TURNED_UPRIGHT
from simsvc.messages import N_, Message

UNLIKE_THE_GALLERY = "unlike_the_gallery"
PHOTO_IN_GALLERY = "photo_in_gallery"
FEW_REFERENCE_FACES = "few_reference_faces"
NEIGHBOURS_DISAGREE = "neighbours_disagree"
DOUBTFUL = "doubtful"
OUTSIDE_THE_PRIOR = "outside_the_prior"

FLAGS: Mapping[str, str] = {
    OTHER_FACES: N_(
        "There are smaller faces in the background. Check that the face shown is the applicant's."
    ),
    UNLIKE_THE_GALLERY: N_(
        "We have few reference faces like this one (less than 1%). Treat the comparison with care."
    ),
    TURNED_UPRIGHT: N_(
        "The photo was rotated before the age was estimated. Check that the face is the right way up."
    ),
    "cut_off": N_("Part of the face is outside the photo. Use a photo that shows the whole face."),
    "unclear_face": N_(
        "The face could not be detected clearly. Use a photo that shows it clearly, upright and from the "
        "front."
    ),
    PHOTO_IN_GALLERY: N_(
        "This photo, or a copy of it, is one of the reference faces. It was left out of the comparison."
    ),
    FEW_REFERENCE_FACES: N_(
        "Fewer than five reference faces could be compared with this face: too few to support the estimate."
    ),
    NEIGHBOURS_DISAGREE: N_(
        "The most similar reference faces contradict the estimate: their ages are outside its range. Compare "
        "the faces and their known ages."
    ),
    DOUBTFUL: N_("The model is unsure about this face. Needs review."),
    OUTSIDE_THE_PRIOR: N_("The model's own estimate is outside the ages expected here. Needs review."),
    "blurred": N_("The face is blurred. Use a sharper photo."),
    "too_dark": N_("The face is too dark. Use a photo with better light."),
    "too_bright": N_("The face is overexposed. Use a photo with softer light."),
    "turned_aside": N_("The face is turned to one side. Use a photo taken from the front."),
    "tilted": N_("The head is tilted. Use a photo with the head held upright."),
}
"""Sentences by flag; every flag of simsvc is listed."""


def flag_sentence(flag: str) -> Message:
    """Return the sentence of a flag; a flag that a later version recorded is named as it is."""
    if flag in FLAGS:
        return Message(FLAGS[flag])
    return Message(N_("Flag: %(flag)s."), {"flag": flag.replace("_", " ")})
