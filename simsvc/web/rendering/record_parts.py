"""Parts of a record shared by pages, API and PDF."""

from __future__ import annotations

from typing import Any

from simsvc.domain.desk.declared import compare, declared_age
from simsvc.domain.estimate.flags import flag_sentence
from simsvc.errors import FaceNotFound, IndexUnusable
from simsvc.values import Estimate, LabelledFace, RecordedEstimate
from simsvc.web.http.current import services
from simsvc.web.i18n.language import translated


def declared_words(recorded: RecordedEstimate) -> dict[str, Any]:
    """Return the declared age and how it lies to the estimate, each None where nothing is declared."""
    years = declared_age(recorded.estimate.declared, recorded.created_at.date())
    comparison = None if years is None else compare(years, recorded.estimate)
    return {"declared_years": years, "comparison": comparison}


def notable_flags(answer: Estimate) -> tuple[str, ...]:
    """Return the flags of an estimate that the reason to send it for review does not say already."""
    reason = translated(answer.refer_reason)
    return tuple(flag for flag in answer.flags if translated(flag_sentence(flag)) not in reason)


def labelled_faces(recorded: RecordedEstimate) -> dict[str, LabelledFace]:
    """Return the reference faces of a record by ID; empty if the build no longer exists."""
    answer = recorded.estimate
    try:
        gallery = services().gallery(answer.index or "")
        return {near.face_id: gallery.face(near.face_id) for near in answer.neighbours}
    except (IndexUnusable, FaceNotFound):
        return {}
