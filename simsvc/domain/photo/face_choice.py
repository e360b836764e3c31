"""Choose the face to estimate, or refuse the photo."""

from __future__ import annotations

import math
from collections.abc import Sequence

from simsvc.errors import FaceTooSmall, NoFace, SeveralFaces
from simsvc.values import Face, PickedFace

MIN_CONFIDENCE = 0.87
"""Minimum confidence of a face: dogs reach 0.85 in photos without a face, and people's faces start near 0.85.
Chosen by `python -m trainer detector` on photos with and without faces."""
MIN_FACE_PX = 48.0
"""Smallest face side in pixels: below half the model's input, the crop is mostly interpolation."""
RIVAL_AREA = 0.40
"""Minimum area of a second face, as a share of the largest, to refuse the photo for several people."""

OTHER_FACES = "other_faces_behind"


def pick(faces: Sequence[Face]) -> PickedFace:
    """Return the main face; smaller ones in the background are flagged.

    Raises:
        NoFace: no detection reaches `MIN_CONFIDENCE`.
        SeveralFaces: two faces have a similar area.
        FaceTooSmall: the main face is under `MIN_FACE_PX`.
    """
    found = sorted((f for f in faces if f.confidence >= MIN_CONFIDENCE), key=lambda f: -f.area_px)
    if not found:
        raise NoFace()
    main, *others = found
    rivals = [f for f in others if f.area_px >= RIVAL_AREA * main.area_px]
    if rivals:
        raise SeveralFaces(faces=len(rivals) + 1)
    if main.side_px < MIN_FACE_PX:
        raise FaceTooSmall(side_px=main.side_px, least_px=MIN_FACE_PX)
    return PickedFace(main, (OTHER_FACES,) if others else ())


def pick_labelled(faces: Sequence[Face], width_px: int, height_px: int) -> Face | None:
    """Return the labelled face of a data set photo that is cropped to one face, or None without detections.

    Takes the detection nearest the middle among those with at least half the largest side, whatever its
    confidence.
    """
    if not faces:
        return None
    largest = max(face.side_px for face in faces)
    middle = (width_px / 2, height_px / 2)
    central = [face for face in faces if face.side_px >= largest / 2]
    return min(central, key=lambda f: math.dist(f.centre_px, middle))
