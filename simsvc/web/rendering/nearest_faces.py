"""The nearest reference faces of a record with their thumbnails, for cards and reports."""

from __future__ import annotations

from dataclasses import dataclass

from simsvc.adapters.index.live_index import LiveGallery
from simsvc.errors import FaceNotFound, IndexUnusable
from simsvc.values import Neighbour, RecordedEstimate
from simsvc.web.http.current import services


@dataclass(frozen=True, slots=True)
class NearFace:
    """A neighbour, and whether its build still has a picture of it."""

    near: Neighbour
    pictured: bool


def near_faces(recorded: RecordedEstimate, most: int) -> list[NearFace]:
    """Return the most similar faces, most similar first."""
    gallery, found = _gallery(recorded), recorded.estimate.neighbours[:most]
    return [NearFace(near, gallery is not None and gallery.is_pictured(near.face_id)) for near in found]


def thumbnail(recorded: RecordedEstimate, face_id: str) -> bytes | None:
    """Return the thumbnail of a neighbour as JPEG; None if it is gone."""
    gallery = _gallery(recorded)
    try:
        return None if gallery is None else gallery.thumbnail(face_id)
    except FaceNotFound:
        return None


def _gallery(recorded: RecordedEstimate) -> LiveGallery | None:
    try:
        return services().gallery(recorded.estimate.index or "")
    except IndexUnusable:
        return None
