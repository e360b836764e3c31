"""The result page, with whatever the person at the desk has just typed."""

from __future__ import annotations

from collections.abc import Mapping

from flask import render_template, request

from simsvc.errors import FaceNotFound, IndexError_
from simsvc.flows.saliency import check_same_model
from simsvc.steps.deciding import TEXT_CHARACTERS, acceptable
from simsvc.steps.declared import compare, declared_age
from simsvc.values import Decision, LabelledFace, RecordedEstimate
from simsvc.web.current import services
from simsvc.web.pages.plot import age_plot, range_words
from simsvc.web.pages.scale import age_scale

FIELDS = ("kind", "age", "reason", "note")


def result_page(recorded: RecordedEstimate, typed: Mapping[str, str] | None = None, problem: str = "") -> str:
    """Render a recorded answer; `typed` fills the decision form, `problem` stands above it.

    Raises:
        ModelChanged: the heat map is asked for, and another model made the estimate.
        StoreError: the decisions cannot be read.
    """
    answer, decisions = recorded.estimate, services().decisions.of(recorded.id)
    words = {
        "recorded": recorded,
        "estimate": answer,
        "decisions": decisions,
        "names": _names(recorded, decisions),
        "asked_by": _names(recorded, ()).get(answer.asked_by or "", answer.asked_by),
        "typed": typed or {},
        "problem": problem,
        "text_characters": TEXT_CHARACTERS,
        "acceptable": acceptable(answer),
        "max_bytes": services().settings.max_upload_bytes,
        **declared_words(recorded),
    }
    if answer.age_years is None:
        return render_template("refused.html", **words)
    return render_template("estimate.html", **words, **_drawn(recorded, words["declared_years"]))


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
    except (IndexError_, FaceNotFound):
        return {}


def _drawn(recorded: RecordedEstimate, declared_years: object) -> dict[str, object]:
    answer, wanted = recorded.estimate, "saliency" in request.args
    if wanted:
        check_same_model(recorded, services().corridor().model)
    age_years, years = answer.age_years or 0.0, declared_years if isinstance(declared_years, int) else None
    return {
        "plot": age_plot(
            age_years,
            answer.neighbours,
            answer.interval_years,
            answer.coverage,
            few=answer.evidence is None,
        ),
        "scale": age_scale(age_years, answer.interval_years, years),
        "range_words": range_words(answer.interval_years, answer.coverage),
        "saliency": wanted,
        "labelled": labelled_faces(recorded),
    }


def _names(recorded: RecordedEstimate, decisions: tuple[Decision, ...]) -> dict[str, str]:
    return services().names([recorded.estimate.asked_by, *(made.decided_by for made in decisions)])
