"""Prepare a reference photo: crop and thumbnail."""

from __future__ import annotations

from dataclasses import dataclass

from simsvc.domain.gallery.labelled_faces import (
    LabelledPhoto,
    LabelledSource,
    box_of,
    labelled_face,
    person_key,
)
from simsvc.domain.gallery.manifest import Skipped
from simsvc.domain.photo.crop import crops_of
from simsvc.domain.photo.decode import AS_STORED, decode
from simsvc.domain.photo.encode import to_jpeg
from simsvc.domain.photo.upright import looked_at
from simsvc.errors import PhotoError
from simsvc.ports import Detector, Model, PictureDecoder
from simsvc.values import Crop, LabelledFace

THUMBNAIL_PX = 160
THUMBNAIL_QUALITY = 82


@dataclass(frozen=True, slots=True, eq=False)
class PreparedFace:
    """A face ready to be embedded.

    Attributes:
        thumbnail: crop for people, as JPEG.
        whole_picture: whether nothing was detected in an aligned photo, so that it was taken whole.
        person: as `domain.gallery.labelled_faces.person_key` gives it.
    """

    face: LabelledFace
    crop: Crop
    thumbnail: bytes
    whole_picture: bool
    person: str | None = None


def prepare(
    source: LabelledSource,
    photo: LabelledPhoto,
    detector: Detector,
    model: Model,
    decoder: PictureDecoder | None = None,
) -> PreparedFace | Skipped:
    """Decode, detect and crop one photo, or return why it is skipped; without a decoder, in this process."""
    try:
        picture = decode(
            photo.path.read_bytes(), first_px=model.first_decode_px, reading=model.reading, decoder=decoder
        )
    except PhotoError as error:
        return Skipped(photo.reference, error.code)
    except OSError:
        return Skipped(photo.reference, "unreadable_file")
    right = looked_at(picture, detector.detect, AS_STORED if source.aligned else model.reading)
    box = box_of(right.photo, right.faces, aligned=source.aligned, margin=model.crop_margin)
    if box is None:
        return Skipped(photo.reference, "no_face")
    judged, thumbnail = crops_of(right.photo, box, (model.input_px, THUMBNAIL_PX), model.crop_margin)
    return PreparedFace(
        labelled_face(source.name, photo),
        judged,
        to_jpeg(thumbnail.rgb, THUMBNAIL_QUALITY),
        whole_picture=not right.faces,
        person=person_key(source.name, photo),
    )
