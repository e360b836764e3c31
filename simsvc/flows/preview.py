"""The face of a photo as it would be judged, before anything is: the first steps of the corridor."""

from __future__ import annotations

from simsvc.domain.photo.crop import crop_of
from simsvc.domain.photo.decode import decode
from simsvc.domain.photo.encode import to_png
from simsvc.domain.photo.face_choice import pick
from simsvc.domain.photo.upright import looked_at
from simsvc.flows.estimate import Corridor


def preview_png(data: bytes, corridor: Corridor) -> bytes:
    """Return the crop that an estimate of this photo would rest on, as PNG; nothing is put on record.

    Raises:
        PhotoError: the photo cannot be judged.
        FaceError: it has no face that can be judged.
    """
    model = corridor.model
    photo = decode(
        data,
        max_bytes=corridor.max_bytes,
        first_px=model.first_decode_px,
        reading=model.reading,
        decoder=corridor.decoder,
    )
    right = looked_at(photo, corridor.detector.detect, model.reading)
    face = pick(right.faces).face
    return to_png(crop_of(right.photo, face, model.input_px, model.crop_margin).rgb)
