"""Parts of a record that pages, API and PDF show alike: declared dates, reference faces."""

from __future__ import annotations

from simsvc.domain.desk.declared import compare, declared_age
from simsvc.errors import FaceNotFound, IndexUnusable
from simsvc.values import LabelledFace, RecordedEstimate
from simsvc.web.http.current import services


def declared_words(recorded: RecordedEstimate) -> dict[str, object]:
    """Return the declared age and how it lies to the estimate, each None where nothing is declared."""
    years = declared_age(recorded.estimate.declared, recorded.created_at.date())
    sentence = None if years is None else compare(years, recorded.estimate)
    return {"declared_years": years, "comparison": sentence}


def labelled_faces(recorded: RecordedEstimate) -> dict[str, LabelledFace]:
    """Return the neighbours as the gallery knows them, by id; empty where the build is no longer there."""
    answer = recorded.estimate
    try:
        gallery = services().gallery(answer.index or "")
        return {near.face_id: gallery.face(near.face_id) for near in answer.neighbours}
    except (IndexUnusable, FaceNotFound):
        return {}
