"""What the words on the pages mean: one list for the glossary and the explanations beside them."""

from __future__ import annotations

from dataclasses import dataclass

from simsvc.messages import N_


@dataclass(frozen=True, slots=True)
class Term:
    """A word and its meaning, each a message to translate."""

    word: str
    meaning: str


GLOSSARY = {
    "estimate": Term(
        N_("Estimated age"),
        N_(
            "The age that the model reads from the face in the photo. It is the middle of what the model "
            "thinks possible, and it is a guess about appearance: it cannot know the person's real age."
        ),
    ),
    "likely": Term(
        N_("Likely between"),
        N_(
            "A range around the estimate. In testing, about 90 in 100 people had their real age within "
            "their range, so about 10 in 100 did not. A wide range means that the model is less certain."
        ),
    ),
    "verdict": Term(
        N_("Fits, outside, cannot tell"),
        N_(
            "How the declared age compares with the likely range. It fits if it is within the range. Outside "
            "does not prove that it is wrong: it is a reason to look. Cannot tell means that the estimate "
            "is unreliable."
        ),
    ),
    "declared": Term(
        N_("Declared age"),
        N_(
            "The age on the day of the photo, from the birth date that the applicant declared. Without a "
            "date of the photo, we assume the upload date."
        ),
    ),
    "reference-face": Term(
        N_("Reference face"),
        N_(
            "A face of known age that estimates are compared with. The faces that ship with simsvc are "
            "composites and show no real person."
        ),
    ),
    "composite": Term(
        N_("Composite"),
        N_("The average of photos of several people of the same gender, group and age."),
    ),
    "similarity": Term(
        N_("Similarity"),
        N_(
            "How alike two faces are as the model sees them, for telling ages: 1 means identical. It does "
            "not say whether they show the same person."
        ),
    ),
    "support": Term(
        N_("Support from the reference faces"),
        N_(
            "Share of reference faces whose closest matches are no closer than the matches of this face. "
            "If it is low, few reference faces are like this one, and the comparison is weak."
        ),
    ),
    "unreliable": Term(
        N_("Unreliable"),
        N_(
            "The photo or the model's own doubt makes a large error likely. The estimate is recorded, but "
            "it must not be used: ask for another photo, or decide without it."
        ),
    ),
    "calibration": Term(
        N_("Site calibration"),
        N_(
            "A correction from your own reference faces. If the model reads them 3 years too old on "
            "average, estimates are corrected by up to that much. The record keeps both ages."
        ),
    ),
    "expected-error": Term(
        N_("Expected error"),
        N_("How far off the model expects this estimate to be, in years. High values are sent for review."),
    ),
    "decision": Term(
        N_("Decision"),
        N_(
            "What a person decided about the declared age. Decisions are never changed: a new one "
            "replaces the earlier one, and both stay on record."
        ),
    ),
    "record": Term(
        N_("Record"),
        N_(
            "Everything that an estimate was made of: the face crop, the model, the reference faces, the "
            "dates and the result. Records are in the audit log, so that changes are detected."
        ),
    ),
    "erased": Term(
        N_("Erased"),
        N_("The personal data of a record was permanently deleted. The log still proves that it existed."),
    ),
}
"""Name of the entry in addresses, such as /glossary#likely, to the entry."""
