"""Check a photo before its age is estimated, with the steps of an estimate; nothing is recorded."""

from __future__ import annotations

from simsvc.domain.photo.check import PhotoCheck, camera_hint, confident_faces, placed
from simsvc.domain.photo.crop import CROP_MARGIN
from simsvc.domain.photo.decode import decode
from simsvc.domain.photo.encode import to_png
from simsvc.domain.photo.face_choice import pick
from simsvc.domain.photo.quality import crops_for, measured, quality_flags
from simsvc.domain.photo.upright import looked_at
from simsvc.errors import FaceError
from simsvc.flows.estimates.estimate import EstimatePipeline
from simsvc.messages import Message


def check_photo(data: bytes, pipeline: EstimatePipeline) -> tuple[PhotoCheck, Message]:
    """Return what an estimate of this photo would meet, and what to change before a camera.

    Raises PhotoError if the photo cannot be used.
    """
    model, rules = pipeline.model, pipeline.rules
    photo = decode(
        data,
        max_bytes=pipeline.max_bytes,
        first_px=model.first_decode_px,
        reading=model.reading,
        decoder=pipeline.decoder,
    )
    right = looked_at(photo, pipeline.detector.detect, model.reading)
    faces = confident_faces(right.faces)
    places = placed(faces, right, photo, model.crop_margin)
    size_px = photo.original_width_px, photo.original_height_px
    try:
        picked = pick(right.faces)
    except FaceError as refusal:
        check = PhotoCheck(places, refusal=refusal.message)
        return check, camera_hint(check, *size_px)
    judged, sized = crops_for(right.photo, picked.face, model.input_px, rules.quality_px, model.crop_margin)
    near = min(model.crop_margin, CROP_MARGIN)
    quality = measured(sized, right.photo, picked.face, near, right.turned_deg)
    severe = rules.severe_flags(quality, None)
    raised = (*right.flags, *picked.flags, *quality_flags(quality, rules.thresholds), *severe)
    check = PhotoCheck(
        places,
        used=faces.index(picked.face),
        quality=quality,
        flags=tuple(dict.fromkeys(raised)),
        severe=frozenset(severe) | (frozenset(rules.withhold) & set(raised)),
        crop_png=to_png(judged.rgb),
    )
    return check, camera_hint(check, *size_px)
