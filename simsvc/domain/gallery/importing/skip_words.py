"""Reasons to skip a reference photo, in words."""

from __future__ import annotations

from simsvc.messages import N_

SKIP_WORDS = {
    "missing_file": N_("no such file in the upload"),
    "differs_in_case": N_("the file's name differs in upper and lower case"),
    "two_files_of_one_name": N_("several files have this name"),
    "no_label": N_("not listed in labels.csv"),
    "no_face": N_("no face found"),
    "unreadable_file": N_("the file cannot be read"),
    "empty_photo": N_("the file is empty"),
    "not_an_image": N_("not a photo"),
    "unsupported_format": N_("a format that is not supported"),
    "truncated_photo": N_("the photo is incomplete"),
    "photo_too_many_bytes": N_("the file is too large"),
    "photo_too_many_pixels": N_("the photo has too many pixels"),
    "photo_too_costly": N_("the photo takes too long to open"),
    "photo_too_small": N_("the photo is too small"),
    "animated_photo": N_("an animation, not a photo"),
    "removed": N_("removed earlier, so it stays out"),
    "erased": N_("erased earlier, so it stays out"),
}
"""By reason; other reasons are words already."""
