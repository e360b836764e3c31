"""A photo check in words, for the script of the upload form."""

from __future__ import annotations

import base64
from typing import Any

from flask_babel import gettext

from simsvc.domain.estimate.flags import flag_sentence
from simsvc.domain.photo.check import ASPECT_FLAGS, ASPECTS, PhotoCheck
from simsvc.domain.photo.upright import TURNED_UPRIGHT
from simsvc.messages import Message
from simsvc.web.i18n.language import translated


def check_json(check: PhotoCheck, hint: Message) -> dict[str, Any]:
    """Return a check as JSON: faces in shares of the photo, and sentences in the visitor's language."""
    count = len(check.faces)
    choose = check.used is None and count > 1
    sentence = gettext("%(count)s faces found: choose one.", count=count)
    crop = base64.b64encode(check.crop_png).decode() if check.crop_png else None
    return {
        "usable": check.used is not None,
        "choose": choose,
        "sentence": sentence if choose else translated(check.refusal),
        "refusal": translated(check.refusal),
        "faces": [
            {"square": _rounded(face.square), "cut": _rounded(face.cut), "used": place == check.used}
            for place, face in enumerate(check.faces)
        ],
        "aspects": _aspects(check),
        "notes": _notes(check),
        "crop": crop and f"data:image/png;base64,{crop}",
        "hint": translated(hint),
    }


def refusal_json(refusal: Message) -> dict[str, Any]:
    """Return the same for a file that is no usable photo."""
    return check_json(PhotoCheck(refusal=refusal), refusal)


def _aspects(check: PhotoCheck) -> list[dict[str, str]]:
    quality = check.quality
    if quality is None:
        return []
    names = {
        "light": gettext("Lighting"),
        "sharpness": gettext("Sharpness"),
        "angle": gettext("Angle"),
        "frame": gettext("Whole face"),
    }
    found = [{"name": names[aspect], **_state(check, ASPECT_FLAGS[aspect])} for aspect in ASPECTS]
    pixels = gettext("%(count)s pixels", count=round(quality.face_px))
    return [*found, {"name": gettext("Size"), "state": "good", "words": pixels}]


def _state(check: PhotoCheck, flags: tuple[str, ...]) -> dict[str, str]:
    raised = [flag for flag in flags if flag in check.flags]
    if not raised:
        return {"state": "good", "words": gettext("good")}
    words = " ".join(translated(flag_sentence(flag)) for flag in raised)
    return {"state": "bad" if check.severe & set(raised) else "poor", "words": words}


def _notes(check: PhotoCheck) -> list[str]:
    """Return the sentences of other flags, and of whether an estimate would be unreliable."""
    in_aspects = {flag for flags in ASPECT_FLAGS.values() for flag in flags}
    others = [flag for flag in check.flags if flag not in {*in_aspects, TURNED_UPRIGHT}]
    notes = [translated(flag_sentence(flag)) for flag in others]
    if TURNED_UPRIGHT in check.flags:
        notes.append(gettext("We will turn the photo upright. Check that the face is the right way up."))
    if check.severe:
        notes.append(gettext("An estimate from this photo would be unreliable. Use a better photo."))
    return notes


def _rounded(rectangle: tuple[float, ...]) -> list[float]:
    return [round(share, 4) for share in rectangle]
