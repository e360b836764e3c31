"""Detected faces to the one that is judged, or a typed refusal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from simsvc.errors import FaceTooSmall, NoFace, SeveralFaces
from simsvc.values import Face, PickedFace

MIN_CONFIDENCE = 0.87
"""Below it a detection is not a face: dogs reach 0.85 in photos without a face, and people's faces start near
0.85. Chosen by `python -m trainer detector` on photos with and without faces."""
MIN_FACE_PX = 48.0
"""Smallest face side, in pixels of the photo as judged: below half the model's input the crop is mostly
invented by interpolation."""
RIVAL_AREA = 0.40
"""Another face of at least this share of the largest one's area makes the photo one of several people."""

OTHER_FACES = "other_faces_behind"


def pick(faces: Sequence[Face]) -> PickedFace:
    """Return the one main face; smaller ones behind it are flagged, not refused.

    Raises:
        NoFace: no detection reaches `MIN_CONFIDENCE`.
        SeveralFaces: two faces of comparable area.
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
    """Return the face a label belongs to, in a data set whose photos are each cut to one face.

    The label was given to the face that the data set's own cut is centred on, so the detection whose centre
    is nearest the middle is taken, among those of at least half the largest one's side, however faint.

    Args:
        faces: every detection, however unsure.
        width_px: of the photo.
        height_px: of the photo.

    Returns:
        The face, or None where nothing was detected.
    """
    if not faces:
        return None
    largest = max(face.side_px for face in faces)
    middle = (width_px / 2, height_px / 2)
    central = [face for face in faces if face.side_px >= largest / 2]
    return min(central, key=lambda f: math.dist(f.centre_px, middle))
