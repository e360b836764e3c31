"""The sentence of each flag."""

from __future__ import annotations

from collections.abc import Mapping

from simsvc.domain.photo.face_choice import OTHER_FACES
from simsvc.domain.photo.upright import TURNED_UPRIGHT

UNLIKE_THE_GALLERY = "unlike_the_gallery"
PHOTO_IN_GALLERY = "photo_in_gallery"
FEW_REFERENCE_FACES = "few_reference_faces"
NEIGHBOURS_DISAGREE = "neighbours_disagree"
DOUBTFUL = "doubtful"
OUTSIDE_THE_PRIOR = "outside_the_prior"

FLAGS: Mapping[str, str] = {
    OTHER_FACES: "Smaller faces stand behind this one. Check that the face shown is the applicant's.",
    UNLIKE_THE_GALLERY: (
        "This face is unlike the labelled faces: fewer than one in a hundred of them is as far from its own "
        "neighbours. The faces shown may say little about it."
    ),
    TURNED_UPRIGHT: (
        "The photo was turned upright before it was judged. Check that the face is shown the right way up."
    ),
    "cut_off": "Part of the face lies outside the photo. Use a photo that shows the whole face.",
    "unclear_face": (
        "The face was found with little certainty. "
        "Use a photo that shows it clearly, upright and from the front."
    ),
    PHOTO_IN_GALLERY: (
        "This photo, or a copy of it, is itself among the reference faces. It was left out of the comparison."
    ),
    FEW_REFERENCE_FACES: (
        "Fewer than five reference faces could be compared with this face: too few to support the estimate."
    ),
    NEIGHBOURS_DISAGREE: (
        "The reference faces that look most alike contradict the estimate: their ages lie outside its range. "
        "Compare the faces and their labels."
    ),
    DOUBTFUL: "The model is unsure about this face; a person should decide.",
    OUTSIDE_THE_PRIOR: (
        "The model's own estimate lies outside the ages that are expected here; a person should decide."
    ),
    "blurred": "The face is blurred. Use a sharper photo.",
    "too_dark": "The face is too dark. Use a photo taken in better light.",
    "too_bright": "The face is overexposed. Use a photo taken in softer light.",
    "turned_aside": "The face is turned aside. Use a photo taken from the front.",
    "tilted": "The head is tilted. Use a photo with the head held upright.",
}
"""Sentences by flag; every flag of simsvc is listed."""


def flag_sentence(flag: str) -> str:
    """Return the sentence of a flag; falls back to the name of an unknown flag."""
    return FLAGS.get(flag, f"Flag: {flag.replace('_', ' ')}.")
